"""The charts of a search as SVG: an axis for each searched setting with a line for each trial, and the best log loss so far."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from flowers_tfx.reports.words import amount, clean

WIDTH, HEIGHT = 900, 320
LEFT, RIGHT, TOP, BOTTOM = 60, 60, 44, 30  # margins around the plot
SCORE = "log loss"


class Trial(Protocol):
    @property
    def number(self) -> int: ...
    @property
    def values(self) -> Mapping[str, Any]: ...
    @property
    def log_loss(self) -> float | None: ...


@dataclass(frozen=True)
class Axis:
    """`ticks`: height and text."""

    x: float
    name: str
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class TrialLine:
    """`rank` is 0 for the best and 1 for the worst trial."""

    points: str
    rank: float
    is_best: bool
    is_configured: bool
    words: str


@dataclass(frozen=True)
class ParallelAxes:
    """Trials without a result are left out. The best and the configured settings come last: they lie on top."""

    axes: tuple[Axis, ...]
    lines: tuple[TrialLine, ...]


@dataclass(frozen=True)
class BestSoFar:
    """`dots`: x, y and words of each trial with a result; `stairs`: a path; `ticks` of the log loss: height and text."""

    dots: tuple[tuple[float, float, str], ...]
    stairs: str
    ticks: tuple[tuple[float, str], ...]
    last: int


def show_value(value: Any) -> str:
    return amount(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else clean(value, 40)


def draw_parallel_axes(space: Mapping[str, Any], trials: Sequence[Trial], best: int) -> ParallelAxes:
    """`space`: by key, `{"min", "max", "sampling"}` or a list of values. Values outside of it, of the configured settings, lie at the end
    of the axis."""
    finished = [trial for trial in trials if trial.log_loss is not None]
    scales = {key: _Scale.of(dimension) for key, dimension in space.items()} | {SCORE: _score_scale(finished)}
    step = (WIDTH - LEFT - RIGHT) / (len(scales) - 1)
    axes = [Axis(round(LEFT + step * at, 1), name, scale.ticks) for at, (name, scale) in enumerate(scales.items())]
    order = sorted(finished, key=lambda trial: (trial.log_loss or 0.0, trial.number))
    lines = [
        TrialLine(
            points=" ".join(
                f"{axis.x},{scales[axis.name].y(trial.log_loss if axis.name == SCORE else trial.values[axis.name])}" for axis in axes
            ),
            rank=rank / max(len(order) - 1, 1),
            is_best=trial.number == best,
            is_configured=trial.number == 0,
            words=_in_words(trial),
        )
        for rank, trial in enumerate(order)
    ]
    return ParallelAxes(tuple(axes), tuple(sorted(lines, key=lambda line: (line.is_best, line.is_configured, -line.rank))))


def draw_best_so_far(trials: Sequence[Trial]) -> BestSoFar:
    finished = sorted((trial for trial in trials if trial.log_loss is not None), key=lambda trial: trial.number)
    scale, last = _score_scale(finished), max((trial.number for trial in trials), default=0)

    def x(number: int) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * number / max(last, 1), 1)

    dots, stairs, lowest = [], "", math.inf
    for trial in finished:
        loss = trial.log_loss if trial.log_loss is not None else math.inf
        dots.append((x(trial.number), scale.y(loss), _in_words(trial)))
        if loss < lowest:
            here = x(trial.number)
            stairs += f"H{here}V{scale.y(loss)}" if stairs else f"M{here},{scale.y(loss)}"
            lowest = loss
    return BestSoFar(tuple(dots), f"{stairs}H{x(last)}" if stairs else "", scale.ticks, last)


@dataclass(frozen=True)
class _Scale:
    """From values to heights; `names` instead of numbers where the values are a list."""

    low: float
    high: float
    log: bool = False
    names: tuple[Any, ...] = ()

    @staticmethod
    def of(dimension: Any) -> _Scale:
        if isinstance(dimension, Mapping):
            return _Scale(float(dimension["min"]), float(dimension["max"]), dimension["sampling"] == "log")
        return _Scale(0, max(len(dimension) - 1, 1), names=tuple(dimension))

    def y(self, value: Any) -> float:
        if self.names:
            # A value that is not in the list, of the configured settings, lies below it.
            share = self.names.index(value) / self.high if value in self.names else -0.06
        elif self.log:
            share = math.log(max(float(value), self.low) / self.low) / math.log(self.high / self.low)
        else:
            share = (float(value) - self.low) / (self.high - self.low)
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(max(share, -0.06), 1.0), 1)

    @property
    def ticks(self) -> tuple[tuple[float, str], ...]:
        if self.names:
            return tuple((self.y(name), show_value(name)) for name in self.names)
        middle = math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2
        return tuple((self.y(value), amount(value)) for value in (self.low, middle, self.high))


def _score_scale(finished: Sequence[Trial]) -> _Scale:
    losses = [trial.log_loss for trial in finished if trial.log_loss is not None] or [0.0]
    return _Scale(min(losses), max(losses) if max(losses) > min(losses) else min(losses) + 1)


def _in_words(trial: Trial) -> str:
    name = f"trial {trial.number}" if trial.number else "configured settings"
    values = ", ".join(f"{key} {show_value(value)}" for key, value in trial.values.items())
    return f"{name}: {SCORE} {amount(trial.log_loss)}; {values}"
