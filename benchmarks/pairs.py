"""Pictures of two photos of different classes side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image


def draw_pairs(labels: Any, pairs: int) -> Iterator[tuple[int, int]]:
    random = np.random.default_rng(1)
    while pairs:
        left, right = random.integers(0, len(labels), 2)
        if labels[left] != labels[right]:
            pairs -= 1
            yield int(left), int(right)


def side_by_side(left: Any, right: Any) -> Any:
    """Both as they would be in one photo that is twice as wide, squashed to a square."""
    size = len(left)
    halves = [Image.fromarray(picture).resize((size // 2, size), Image.Resampling.BICUBIC) for picture in (left, right)]
    return np.concatenate([np.asarray(half) for half in halves], axis=1)
