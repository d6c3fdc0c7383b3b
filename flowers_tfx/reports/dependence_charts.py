"""Curves of accuracy over a property of photos, as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowers_tfx.reports.words import amount

WIDTH, HEIGHT = 340, 190
LEFT, RIGHT, TOP, BOTTOM = 44, 22, 12, 36  # margins around the plot
_FEWEST_FLIPS = 0.05  # of the photos: fewer are not worth a mark

Point = tuple[float, float]


@dataclass(frozen=True)
class DependenceChart:
    """Everything in the units of a box of WIDTH x HEIGHT. `band`: corners of the area of the intervals; `usual`: left end and width of the
    values that photos usually have; `before`: the height of the accuracy of the unchanged photos; `flips`: where half of the answers
    that change have changed, and which side it is; `ticks`: of the x axis, in lines; `marks`: the points, each in words; `words`: below."""

    title: str
    axis: str
    line: tuple[Point, ...]
    band: tuple[Point, ...]
    marks: tuple[tuple[float, float, str], ...]
    usual: tuple[float, float] | None
    before: float
    flips: tuple[tuple[float, str], ...]
    ticks: tuple[tuple[float, tuple[str, ...]], ...]
    words: tuple[str, ...]


def draw_dependence(curve: Mapping[str, Any]) -> DependenceChart:
    """`curve`: one of `dependence.curves` of explanations.json."""
    points = curve["points"]
    named = any(isinstance(point["value"], str) for point in points)
    values = [float(at) if named else float(point["value"]) for at, point in enumerate(points)]
    low, high = (-0.5, len(points) - 0.5) if named else (min(values), max(values))
    at = _Scale(low, high)
    order = sorted(range(len(points)), key=lambda place: values[place])
    xs, shown = [at.x(values[place]) for place in order], [points[place] for place in order]
    ends = [point["accuracy_interval"] or (point["accuracy"], point["accuracy"]) for point in shown]
    unit = curve["unit"]
    ticks = [(x, _in_two(str(point["value"]))) for x, point in zip(xs, shown, strict=True)] if named else at.ticks()
    flips = {side: flip for side, flip in curve["flip"].items() if flip["share"] >= _FEWEST_FLIPS and flip["median"] is not None}
    return DependenceChart(
        title=curve["title"],
        axis=unit,
        line=() if named else tuple((x, _y(point["accuracy"])) for x, point in zip(xs, shown, strict=True)),
        band=() if named else _band(xs, ends),
        marks=tuple((x, _y(point["accuracy"]), _in_words(point, unit)) for x, point in zip(xs, shown, strict=True)),
        usual=None if named else _usual(curve["usual"], at),
        before=_y(shown[0]["accuracy"] - shown[0]["accuracy_change"]),
        flips=tuple((at.x(flip["median"]), side) for side, flip in flips.items()),
        ticks=tuple(ticks),
        words=tuple(_flip_in_words(side, flip) for side, flip in flips.items()) or _steady(named),
    )


class _Scale:
    """From values to places in the box."""

    def __init__(self, low: float, high: float) -> None:
        self._low, self._high = low, high if high > low else low + 1

    def x(self, value: float) -> float:
        share = min(max((value - self._low) / (self._high - self._low), 0.0), 1.0)
        return round(LEFT + (WIDTH - LEFT - RIGHT) * share, 1)

    def ticks(self) -> list[tuple[float, tuple[str, ...]]]:
        """At round values."""
        rough = (self._high - self._low) / 4
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
        first, last = math.ceil(self._low / step - 1e-9), math.floor(self._high / step + 1e-9)
        return [(self.x(number * step), (amount(number * step),)) for number in range(first, last + 1)]


def _y(share: float) -> float:
    return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - min(max(share, 0.0), 1.0)), 1)


def _band(xs: Sequence[float], ends: Sequence[Sequence[float]]) -> tuple[Point, ...]:
    upper = [(x, _y(end[1])) for x, end in zip(xs, ends, strict=True)]
    lower = [(x, _y(end[0])) for x, end in zip(xs, ends, strict=True)]
    return (*upper, *reversed(lower))


def _usual(ends: Sequence[Any], at: _Scale) -> tuple[float, float] | None:
    if len(ends) != 2:
        return None
    start, end = (at.x(float(value)) for value in ends)
    return (start, round(end - start, 1)) if end > start else None


def _in_words(point: Mapping[str, Any], unit: str) -> str:
    value = point["value"] if isinstance(point["value"], str) else amount(point["value"], unit)
    return f"{value}: {100 * point['accuracy']:.0f} % right, {100 * point['flipped']:.0f} % of the answers changed"


def _flip_in_words(side: str, flip: Mapping[str, Any]) -> str:
    direction = "Towards lower values" if side == "below" else "Towards higher values"
    words = f"{direction}, {100 * flip['share']:.0f} % of the photos get another answer, half of these by {amount(flip['median'])}"
    return f"{words}; most often {next(iter(flip['to']))}."


def _steady(named: bool) -> tuple[str, ...]:
    return () if named else ("Fewer than 5 % of the photos get another answer.",)


def _in_two(words: str) -> tuple[str, ...]:
    """Two lines of a name of several words, such as a quarter turn left."""
    parts = words.split()
    middle = len(parts) // 2
    return (words,) if len(parts) < 2 else (" ".join(parts[:middle]), " ".join(parts[middle:]))
