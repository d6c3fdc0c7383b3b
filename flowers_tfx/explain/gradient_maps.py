"""Maps of evidence from gradients, computed by PAIR's saliency: integrated gradients (Sundararajan, Taly and Yan 2017), guided integrated
gradients (Kapishnikov and others 2021) and XRAI (Kapishnikov and others 2019).

Each explains one number, the logit of a class less the mean logit of the others: what raises every logit alike is no evidence. And each
goes from the same empty picture, the photo strongly blurred, to the photo. Of 14 photos the maps of integrated gradients had an area under
the insertion curve that was larger than that under the deletion curve by 0.24; from grey it was 0.19, from black and white, as XRAI's
authors do it, 0.16, from black 0.09, and 0.15 with the mean over noisy photos (SmoothGrad); random parts have 0.02. Parts are hidden by
blur there, which favours a way from blur.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from saliency.core import XRAI, GuidedIG, IntegratedGradients, XRAIParameters, guided_ig
from saliency.core.base import INPUT_OUTPUT_GRADIENTS
from scipy.ndimage import gaussian_filter

from flowers_tfx.explain.hidden_parts import HiddenParts
from flowers_tfx.explain.methods import Method
from flowers_tfx.explain.model_function import Floats, Gradients, Pictures
from flowers_tfx.explain.orders import pool

_PIECE_STEPS = 8  # pictures on a piece of the way, asked in one batch
_FEWEST_PIECES, MOST_PIECES = 4, 64
CHECK_PIECES = 8  # enough for a map that is only compared with another
_TOLERANCE = 0.02  # of the difference of the score
_LEAST_DIFFERENCE = 1e-6
# saliency moves those pixels whose slope is small where a step begins and not where it ends, so that on a long way the sum is wrong by
# several times the difference of the score: in 16 pictures of two flowers, both maps lay mostly on their own flower in 50 % with one piece
# of 50 steps, in 88 % with 8 pieces of 8 steps and in 94 % with 16 of 6; in 50 pictures in 82 % with 16 of 6 and in 86 % with 32 of 4. The
# paper calls the ends of the pieces anchors.
_GUIDED_PIECES, _GUIDED_STEPS = 32, 4
# Standard deviation of the Gaussian, of the picture's side. In 20 pictures of two flowers, both maps of integrated gradients lay mostly on
# their own flower in 5 % without it, in 80 % with 8 px of 224, 85 % with 16 px, 90 % with 24 px.
_SMOOTHING = 1 / 12
_CELLS = 28


@dataclass(frozen=True)
class GradientMap:
    """`map` float32 [s, s]: evidence, negative against the class. `completeness_error`: as in Quality; None for XRAI, whose map is a mean
    over regions."""

    map: Floats
    completeness_error: float | None


def attribute(
    method: Method, gradients: Gradients, picture: Pictures, target: int, classes: int, most_pieces: int = MOST_PIECES
) -> GradientMap:
    """The evidence in a picture, uint8 [s, s, 3], for the class with the index `target`; `method` is one of GRADIENT_METHODS."""
    score = Score(gradients, target, classes)
    image, baseline = picture.astype(np.float32), HiddenParts(picture).blurred.astype(np.float32)
    if method == "guided-ig":
        values = _guide(score, image, baseline, min(_GUIDED_PIECES, most_pieces))
        return GradientMap(_smooth(values), _completeness_error(values, score.value(image) - score.value(baseline)))
    values, error = integrate(score, image, baseline, most_pieces)
    evidence = _smooth(values)
    return GradientMap(evidence, error) if method == "ig" else GradientMap(_xrai(image, evidence), None)


class Score:
    """The logit of one class less the mean of the others, in the form in which saliency asks a model."""

    def __init__(self, gradients: Gradients, target: int, classes: int) -> None:
        self._gradients = gradients
        self._weights = np.full(classes, -1 / max(classes - 1, 1), np.float32)
        self._weights[target] = 1
        self.last_values: Floats = np.zeros(0, np.float32)  # of the pictures that were asked last

    def __call__(self, pictures: Floats, call_model_args: object = None, expected_keys: object = None) -> Mapping[str, Floats]:
        outputs = self._gradients(np.asarray(pictures, np.float32), np.tile(self._weights, (len(pictures), 1)))
        self.last_values = outputs.logits @ self._weights
        return {INPUT_OUTPUT_GRADIENTS: outputs.gradients}

    def value(self, picture: Floats) -> float:
        self(picture[np.newaxis])
        return float(self.last_values[0])


@dataclass(frozen=True)
class _Piece:
    """Of the straight way from the baseline, 0, to the picture, 1. `values` [s, s, 3]: its integrated gradients; `difference`: of the score
    between its ends."""

    start: float
    end: float
    values: Floats
    difference: float

    @property
    def error(self) -> float:
        return float(self.values.sum(dtype=np.float64)) - self.difference


def integrate(score: Score, image: Floats, baseline: Floats, most_pieces: int = MOST_PIECES) -> tuple[Floats, float]:
    """Integrated gradients, float32 [s, s, 3], and their completeness error.

    saliency sums gradients at equal steps. Most of the change of the score lies in a small part of the way, so the piece of the way whose
    sum misses its own difference of the score by most is halved, until the whole misses less than _TOLERANCE or there are `most_pieces`.
    """
    whole = _integrate_piece(score, image, baseline, 0, 1)
    pieces = [whole]
    while len(pieces) < _FEWEST_PIECES or (
        len(pieces) < most_pieces and abs(sum(piece.error for piece in pieces)) > _TOLERANCE * abs(whole.difference)
    ):
        worst = max(pieces, key=lambda piece: abs(piece.error))
        middle = (worst.start + worst.end) / 2
        pieces.remove(worst)
        pieces += [_integrate_piece(score, image, baseline, *ends) for ends in ((worst.start, middle), (middle, worst.end))]
    values = np.sum([piece.values for piece in pieces], axis=0)
    return values, _completeness_error(values, whole.difference)


def _integrate_piece(score: Score, image: Floats, baseline: Floats, start: float, end: float) -> _Piece:
    first, last = (baseline + np.float32(share) * (image - baseline) for share in (start, end))
    values = IntegratedGradients().GetMask(last, score, x_baseline=first, x_steps=_PIECE_STEPS, batch_size=_PIECE_STEPS)
    # The steps include both ends.
    return _Piece(start, end, values, float(score.last_values[-1] - score.last_values[0]))


def _guide(score: Score, image: Floats, baseline: Floats, pieces: int) -> Floats:
    """Guided integrated gradients, float32 [s, s, 3], of equal pieces of the straight way."""
    ends = [baseline + np.float32(number / pieces) * (image - baseline) for number in range(pieces + 1)]
    guided = GuidedIG()
    parts = (guided.GetMask(last, score, x_baseline=first, x_steps=_GUIDED_STEPS) for first, last in pairwise(ends))
    return np.asarray(sum(parts, np.zeros_like(image)), np.float32)


def coarse(values: Floats) -> Floats:
    """A map [s, s] as it is compared with another: means over cells, since single pixels are noise."""
    return pool(values, min(_CELLS, len(values)))


def _completeness_error(values: Floats, difference: float) -> float:
    return abs(float(values.sum(dtype=np.float64)) - difference) / max(abs(difference), _LEAST_DIFFERENCE)


def _smooth(values: Floats) -> Floats:
    """The sum over the channels, [s, s], and over neighbouring pixels: slopes at single pixels are noise of both signs, which hides where
    evidence lies. The total stays."""
    total = values.sum(axis=-1, dtype=np.float64)
    return np.asarray(gaussian_filter(total, _SMOOTHING * len(total), mode="reflect"), np.float32)


def _xrai(image: Floats, evidence: Floats) -> Floats:
    """Mean evidence of regions of one colour, which saliency finds at several scales and orders by it."""
    if image.min() == image.max():
        return np.full_like(evidence, evidence.mean())  # one region: saliency would divide by 0
    channels = np.repeat(evidence[..., np.newaxis], image.shape[-1], axis=-1)  # saliency takes the maximum of the channels
    mask = XRAI().GetMask(image, None, base_attribution=channels, extra_parameters=XRAIParameters(algorithm="fast"))
    return np.asarray(mask, np.float32)


class _NumPy:
    """NumPy with the older name of an argument of `quantile`, which saliency 0.2.1 uses and NumPy 2.4 no longer has."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def quantile(values: Any, share: float, interpolation: Any) -> Any:
        return np.quantile(values, share, method=interpolation)


guided_ig.np = _NumPy()
