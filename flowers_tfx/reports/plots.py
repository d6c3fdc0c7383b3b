"""Histograms and trends as SVG paths in a box of `BOX`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from flowers_tfx.reports.rendering import finite_or_none
from flowers_tfx.reports.words import amount

BOX = (120, 30)  # width and height

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Histogram:
    """A path of each sample. `below`: the ends of the scale, or, with `each`, the value of each bar."""

    old: str
    new: str
    below: tuple[str, ...]
    each: bool = False


@dataclass(frozen=True)
class Trend:
    """A score over several reviews: lines, the height of the threshold, the last point, its value, and all values in words."""

    lines: tuple[str, ...]
    threshold: float | None
    last_point: tuple[float, float] | None
    last_value: float | None
    words: str


def draw_histogram(old: Floats, new: Floats, below: tuple[str, ...], each: bool = False) -> Histogram:
    """`old`, `new`: the shares of both samples in each bin."""
    width, height = BOX
    top = max(float(old.max()), float(new.max())) or 1.0
    paths = []
    for shares in (old, new):
        step = width / len(shares)
        stairs = (f"V{height - (height - 1) * share / top:.1f}H{step * (at + 1):.1f}" for at, share in enumerate(shares.tolist()))
        paths.append(f"M0,{height}{''.join(stairs)}V{height}")
    return Histogram(paths[0], paths[1], below, each)


def draw_trend(values: Sequence[tuple[str, float | None]], top: float, threshold: float | None = None) -> Trend:
    """`values`: name and score of each review, oldest first. The scale ends at `top` or above, so that small scores look small."""
    width, height = BOX
    threshold = finite_or_none(threshold)
    top = 1.1 * max([top, threshold or 0.0, *(abs(value) for _, value in values if value is not None)])
    step = (width - 8) / max(len(values) - 1, 1)

    def y(value: float) -> float:
        return round(height - 2 - (height - 4) * value / top, 1)

    points = [(round(4 + step * at, 1), y(value)) if value is not None else None for at, (_, value) in enumerate(values)]
    runs = [[point for point in run if point] for is_point, run in groupby(points, key=lambda point: point is not None) if is_point]
    # A score between two reviews without it: a line of no length, which its round ends turn into a dot.
    lines = tuple(" ".join(f"{x},{y}" for x, y in (run if len(run) > 1 else 2 * run)) for run in runs)
    words = ", ".join(f"{name} {amount(value)}" for name, value in values)
    return Trend(lines, None if threshold is None else y(threshold), points[-1], values[-1][1], words)
