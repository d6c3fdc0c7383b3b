"""Evidence from random masks, as RISE does (Petsiuk, Das and Saenko 2018): the model answers to the picture with random parts hidden, and
parts whose showing goes with a more certain answer are evidence. It needs no gradients.

Four things differ from the paper; the deletion and insertion curves of real photos are better by them, or as good and the map is easier to
read. Parts are hidden by blur, not by black. Masks come in pairs, one hides what the other shows, so that the number of hidden cells does
not disturb. The map is a ridge regression of the answers on the masks instead of a mean of masks: it tells cells apart that were often
shown together by chance. And what cannot be told from chance is 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from flowers_tfx.explain.hidden_parts import HiddenParts, Screen
from flowers_tfx.explain.model_function import Answers, Floats, Vectors

MASKS = 1024
_GRID = 8  # cells of a mask across the picture
_FINE = 28  # cells of a map
_RIDGE = 5.0  # of the variance of a mask, the sum over its cells
_STANDARD_ERRORS = 1.5
_LEAST_PROBABILITY = 1e-6
_LEAST_RIDGE = 1e-9


@dataclass(frozen=True)
class Trials:
    """`shown` float32 [N, m, m]: how much of each cell of the picture the mask shows, 0 to 1; `vectors`: what the model answers."""

    shown: Floats
    vectors: Vectors


def run_trials(parts: HiddenParts, answers: Answers, masks: int = MASKS, seed: int = 0) -> Trials:
    """With so many masks, rounded up to a multiple of four, two halves of pairs; the same ones for the same seed."""
    screens = list(_draw_screens(2 * max(-(-masks // 4), 1), np.random.default_rng(seed)))
    cells = min(_FINE, parts.size)
    shown = np.stack([np.asarray(screen.opacity(cells), np.float32) for screen in screens]) / 255
    return Trials(shown, parts.answers_behind(screens, answers))


def _draw_screens(pairs: int, rng: np.random.Generator) -> Iterator[Screen]:
    """Each cell is hidden with a probability of one half. The grid begins somewhere in a cell, so that no place is always an edge."""
    for _ in range(pairs):
        shown = rng.integers(0, 2, (_GRID + 1, _GRID + 1), dtype=np.uint8) * np.uint8(255)
        x, y = map(float, rng.random(2))
        yield Screen(shown, (x, y), _GRID)
        yield Screen(~shown, (x, y), _GRID)


def evidence(probabilities: Floats) -> Floats:
    """For each class, [N, classes]: log(p / (1 - p)) of its probability; in logits, so that a sure answer still shows which parts it rests
    on."""
    clipped = np.clip(probabilities.astype(np.float64), _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
    return np.log(clipped / (1 - clipped)).astype(np.float32)


def fit_maps(trials: Trials, values: Floats) -> Floats:
    """float32 [k, m, m], for values [N, k] of the answers: by how much the value grows where a cell is shown.

    All values are drawn towards 0 by _STANDARD_ERRORS, and those that are nearer become 0: else what chance adds all over the picture would
    pass for evidence. The standard error of a map is half of what the maps of two halves of the trials differ by.
    """
    strength = max(_RIDGE * float(trials.shown.var(axis=0).sum()), _LEAST_RIDGE)
    maps = _regress(trials.shown, values, strength)
    half = np.arange(len(values)) // 2 % 2 == 0  # pairs stay together
    first, second = (_regress(trials.shown[rows], values[rows], strength / 2) for rows in (half, ~half))
    errors = (first - second).std(axis=(1, 2), keepdims=True) / 2
    return np.asarray(np.sign(maps) * np.maximum(np.abs(maps) - _STANDARD_ERRORS * errors, 0), np.float32)


def _regress(shown: Floats, values: Floats, strength: float) -> npt.NDArray[np.float64]:
    """The weights [k, m, m] of a ridge regression of values [N, k] on masks [N, m, m]."""
    number, cells = shown.shape[:2]
    masks = shown.reshape(number, -1).astype(np.float64)
    masks -= masks.mean(axis=0)
    differences = values - values.mean(axis=0, dtype=np.float64)
    weights = masks.T @ np.linalg.solve(masks @ masks.T + strength * np.eye(number), differences)
    return np.ascontiguousarray(weights.T).reshape(-1, cells, cells)


def stretch(values: Floats, size: int) -> Floats:
    """A map [m, m] in the geometry of a picture of size x size pixels, by bilinear interpolation."""
    return np.asarray(Image.fromarray(np.ascontiguousarray(values, np.float32)).resize((size, size), Image.Resampling.BILINEAR))
