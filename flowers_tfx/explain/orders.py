"""Which parts of a picture come first: by a map, and without a model, for comparison. Each gives a value for every cell [g, g] of a
grid over the picture; the largest comes first."""

from __future__ import annotations

import numpy as np
from PIL import Image

from flowers_tfx.explain.model_function import Floats, Pictures

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def pool(values: Floats, cells: int) -> Floats:
    """Means of a map [s, s] over the cells of a grid, float32 [cells, cells]."""
    image = Image.fromarray(np.ascontiguousarray(values, np.float32))
    return np.asarray(image.resize((cells, cells), Image.Resampling.BOX))


def random_order(cells: int, seed: int) -> Floats:
    return np.random.default_rng(seed).random((cells, cells), dtype=np.float32)


def from_the_centre(cells: int) -> Floats:
    offsets = np.arange(cells, dtype=np.float32) - np.float32((cells - 1) / 2)
    return -np.hypot(offsets[:, np.newaxis], offsets)


def edges(picture: Pictures, cells: int) -> Floats:
    """By the strength of the edges: the mean length of Sobel's gradient of the luma."""
    luma = np.pad(picture.astype(np.float32) @ _LUMA, 1, mode="edge")
    across = luma[:, 2:] - luma[:, :-2]
    down = luma[2:] - luma[:-2]
    gradient = np.hypot(across[:-2] + 2 * across[1:-1] + across[2:], down[:, :-2] + 2 * down[:, 1:-1] + down[:, 2:])
    return pool(gradient, cells)
