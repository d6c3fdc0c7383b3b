"""The result of a search for training settings in plain types, as HTML and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from flowers_tfx.reports.rendering import count, decimal, percent, points, render
from flowers_tfx.reports.tuning_charts import draw_best_so_far, draw_parallel_axes, show_value
from flowers_tfx.reports.words import clean

FORMAT = 1
Interval = tuple[float, float]


@dataclass(frozen=True)
class TrialRow:
    """`number` 0 is the configured settings. `log_loss` and `accuracy`: on photos of the search that its model was not trained on; None for
    a trial that failed, whose `error` says why. `epochs`: trained."""

    number: int
    values: Mapping[str, Any]
    log_loss: float | None = None
    accuracy: float | None = None
    epochs: int | None = None
    seconds: float = 0.0
    error: str = ""


@dataclass(frozen=True)
class MeanChange:
    """The best settings' mean, that of the configured settings, and the mean of the paired differences with its 95 % interval, None for
    fewer than two photos."""

    best: float
    configured: float
    difference: float
    interval: Interval | None


@dataclass(frozen=True)
class HeldOutComparison:
    """On photos that no trial saw: `log_loss` decides, and is better when it is lower."""

    photos: int
    log_loss: MeanChange
    accuracy: MeanChange

    @property
    def verdict(self) -> str:
        """`better`, `worse`, or `open`: the interval of the log loss has 0 in it."""
        low, high = self.log_loss.interval or (0.0, 0.0)
        return "better" if high < 0 else "worse" if low > 0 else "open"


@dataclass(frozen=True)
class Tuning:
    """`space`: by key, a range or a list of values. `comparison` is None where no trial did better than the configured settings."""

    search: str
    trials_asked: int
    space: Mapping[str, Any]
    photos: Mapping[str, int]  # of the search, of `eval`, held out
    trials: tuple[TrialRow, ...]
    best: int
    comparison: HeldOutComparison | None
    seconds: float
    resumed: int = 0  # trials of an earlier run that was interrupted

    @property
    def best_trial(self) -> TrialRow:
        return next(trial for trial in self.trials if trial.number == self.best)


def to_json(tuning: Tuning) -> dict[str, Any]:
    plain = asdict(tuning)
    if tuning.comparison:
        plain["comparison"]["verdict"] = tuning.comparison.verdict
    return {"format": FORMAT, "objective": "log_loss", **plain, "sentence": result_sentence(tuning)}


def result_sentence(tuning: Tuning) -> str:
    """Whether the search found something better, with the interval."""
    comparison = tuning.comparison
    if comparison is None:
        return "No trial did better than the configured settings: they are used."
    heading = {
        "better": "The best trial is better than the configured settings",
        "worse": "The best trial is worse than the configured settings",
        "open": "It is not shown that the best trial is better than the configured settings",
    }[comparison.verdict]
    loss, accuracy = comparison.log_loss, comparison.accuracy
    losses = f"its log loss is {decimal(loss.best)} against {decimal(loss.configured)}, a difference of {_signed(loss.difference)}"
    shares = f"{percent(accuracy.best)} against {percent(accuracy.configured)}, {points(accuracy.difference)}"
    return (
        f"{heading}: on {count(comparison.photos)} that no trial saw, {losses} ({_interval(loss, _signed)}). "
        f"Accuracy: {shares} ({_interval(accuracy, points)})."
    )


def _interval(change: MeanChange, show: Callable[[float], str]) -> str:
    if change.interval is None:
        return "too few photos for an interval"
    return f"95 % interval {show(change.interval[0])} to {show(change.interval[1])}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")


def render_html(tuning: Tuning) -> str:
    """One file that needs no other: it contains styles and charts, and no scripts."""
    return render(
        "tuning.html.j2",
        t=tuning,
        sentence=result_sentence(tuning),
        rows=sorted(tuning.trials, key=lambda trial: (trial.log_loss is None, trial.log_loss, trial.number)),
        axes=draw_parallel_axes(tuning.space, tuning.trials, tuning.best),
        progress=draw_best_so_far(tuning.trials),
        show=show_value,
        clean=clean,
    )
