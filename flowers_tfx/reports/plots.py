"""Histograms and trends as SVG paths in a box of `BOX`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


def draw_trend(
    values: Sequence[tuple[str, float | None]], top: float, threshold: float | None = None, number: Callable[[float | None], str] = amount
) -> Trend:
    """`values`: name and score of each review, oldest first; `number` writes a score.
    The scale ends at `top` or above, so that small scores look small."""
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
    words = ", ".join(f"{name} {number(value)}" for name, value in values)
    return Trend(lines, None if threshold is None else y(threshold), points[-1], values[-1][1], words)


@dataclass(frozen=True)
class IntervalRow:
    name: str
    value: float
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class IntervalPlot:
    """Rows below each other on one scale. Positions from 0 to 100: `rows` are (row, value, start and end of its interval), `guide` is a
    value to compare with, `ticks` are (position, text)."""

    rows: tuple[tuple[IntervalRow, float, tuple[float, float] | None], ...]
    guide: float
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class ScatterPlot:
    """Named points in a box of 100 by 100, y downwards, and the ticks of both axes: (position, text)."""

    points: tuple[tuple[str, float, float], ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]


def draw_intervals(rows: Sequence[IntervalRow], guide: float) -> IntervalPlot:
    scale = _Scale([guide, *(row.value for row in rows), *(end for row in rows if row.interval for end in row.interval)])
    placed = []
    for row in rows:
        ends = (scale(row.interval[0]), scale(row.interval[1])) if row.interval else None
        placed.append((row, scale(row.value), ends))
    return IntervalPlot(tuple(placed), scale(guide), scale.ticks())


def draw_scatter(points: Sequence[tuple[str, float, float]]) -> ScatterPlot:
    across, up = _Scale([x for _, x, _ in points]), _Scale([y for _, _, y in points])
    placed = tuple((name, across(x), round(100 - up(y), 1)) for name, x, y in points)
    return ScatterPlot(placed, across.ticks(), tuple((round(100 - place, 1), text) for place, text in up.ticks()))


class _Scale:
    """Maps values to 0-100, with a margin on both sides."""

    def __init__(self, values: Sequence[float]) -> None:
        low, high = min(values), max(values)
        margin = 0.08 * (high - low) or 0.5 * abs(high) or 1.0
        self._low, self._high = low - margin, high + margin

    def __call__(self, value: float) -> float:
        return round(100 * (value - self._low) / (self._high - self._low), 1)

    def ticks(self, most: int = 5) -> tuple[tuple[float, str], ...]:
        """At multiples of 1, 2 or 5 times a power of ten."""
        raw = (self._high - self._low) / most
        power = 10.0 ** np.floor(np.log10(raw))
        step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
        first, last = int(np.ceil(self._low / step)), int(np.floor(self._high / step))
        return tuple((self(at * step), f"{at * step:.6g}") for at in range(first, last + 1))
