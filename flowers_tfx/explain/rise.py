"""Evidence from random masks, as RISE does (Petsiuk, Das and Saenko 2018): the model answers to the picture with random parts hidden, and
parts whose showing goes with a more certain answer are evidence. It needs no gradients.

Three things differ from the paper, each since it was better by the deletion and insertion curves of real photos. Parts are hidden by blur,
not by black. Masks come in pairs, one hides what the other shows, so that the number of hidden cells does not disturb. And the map is a
ridge regression of the answers on the masks instead of a mean of masks: it tells cells apart that were often shown together by chance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from flowers_tfx.explain.hidden_parts import HiddenParts, Screen
from flowers_tfx.explain.model_function import Answers, Floats, Vectors

MASKS = 1024
_GRID = 8  # cells of a mask across the picture
_FINE = 28  # cells of a map
_RIDGE = 5.0  # of the mean variance of the masks
_LEAST_PROBABILITY = 1e-6


@dataclass(frozen=True)
class Trials:
    """`shown` float32 [N, m, m]: how much of each cell of the picture the mask shows, 0 to 1; `vectors`: what the model answers."""

    shown: Floats
    vectors: Vectors


def run_trials(parts: HiddenParts, answers: Answers, masks: int = MASKS, seed: int = 0) -> Trials:
    """With so many masks, rounded up to pairs; the same ones for the same seed."""
    screens = list(_draw_screens((masks + 1) // 2, np.random.default_rng(seed)))
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
    """float32 [k, m, m], for values [N, k] of the answers: by how much the value grows where a cell is shown, by ridge regression."""
    number, cells = len(trials.shown), trials.shown.shape[1]
    masks = trials.shown.reshape(number, -1).astype(np.float64)
    masks -= masks.mean(axis=0)
    similarity = masks @ masks.T
    strength = max(_RIDGE * float(np.trace(similarity)) / number, 1e-9)
    weights = masks.T @ np.linalg.solve(similarity + strength * np.eye(number), values - values.mean(axis=0, dtype=np.float64))
    return weights.T.reshape(-1, cells, cells).astype(np.float32)


def stretch(values: Floats, size: int) -> Floats:
    """A map [m, m] in the geometry of a picture of size x size pixels, by bilinear interpolation."""
    return np.asarray(Image.fromarray(np.ascontiguousarray(values, np.float32)).resize((size, size), Image.Resampling.BILINEAR))
