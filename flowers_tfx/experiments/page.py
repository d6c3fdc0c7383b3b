"""The page of a comparison: one file with tables and plots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flowers_tfx.experiments.comparison import Comparison
from flowers_tfx.experiments.experiment import EVALUATION_PAGE, Experiment
from flowers_tfx.experiments.run_metrics import ACCURACY, LATENCY, LITERT_BYTES, Metric
from flowers_tfx.experiments.run_settings import setting_text
from flowers_tfx.experiments.sentences import metric_text, pair_text, sentences
from flowers_tfx.reports.plots import IntervalPlot, IntervalRow, ScatterPlot, draw_intervals, draw_scatter
from flowers_tfx.reports.rendering import render
from flowers_tfx.reports.words import clean

_SLICE = f"{ACCURACY}."


@dataclass(frozen=True)
class RunRow:
    """`number` names the run in the plots."""

    number: int
    run: Experiment
    settings: tuple[str, ...]
    metric: str
    accuracy: str
    pair: str
    spans: str
    evaluation: str
    latency: str
    serves: bool


@dataclass(frozen=True)
class SliceRow:
    """`cells`: one for each run, None where it was not measured."""

    name: str
    cells: tuple[Metric | None, ...]


def render_page(comparison: Comparison) -> str:
    experiments = comparison.experiments
    return render(
        "experiments.html.j2",
        comparison=comparison,
        rows=[_row(comparison, number, one) for number, one in enumerate(experiments, 1)],
        reference=_reference(comparison),
        sentences=list(sentences(comparison)),
        metric_plot=_metric_plot(comparison),
        pair_plot=_pair_plot(comparison),
        size_plot=_scatter(comparison, LITERT_BYTES, 1e6),
        latency_plot=_scatter(comparison, LATENCY, 1.0),
        setting_plots=list(_setting_plots(comparison)),
        slices=_slices(experiments),
        shared=_shared(comparison),
    )


def _row(comparison: Comparison, number: int, one: Experiment) -> RunRow:
    latency = comparison.latencies.get(one.run_id)
    return RunRow(
        number,
        one,
        tuple(f"{key}={clean(setting_text(one.settings[key]), 80)}" for key in comparison.differing if key in one.settings),
        metric_text(one, comparison.metric),
        metric_text(one, ACCURACY),
        pair_text(comparison, one).replace("\n", "; "),
        ", ".join(str(span["span"]) for span in one.data.spans),
        str(one.evaluation / EVALUATION_PAGE) if one.evaluation else "",
        f"{latency.median_ms:.1f} ({latency.low_ms:.1f} to {latency.high_ms:.1f})" if latency else "",
        one.version is not None and one.version == comparison.serving,
    )


def _reference(comparison: Comparison) -> str:
    number = next((number for number, one in _numbered(comparison) if one.run_id == comparison.reference), None)
    return f"run {number}" if number else comparison.reference or ""


def _numbered(comparison: Comparison) -> list[tuple[str, Experiment]]:
    return [(str(number), one) for number, one in enumerate(comparison.experiments, 1)]


def _metric_plot(comparison: Comparison) -> IntervalPlot | None:
    rows = [
        IntervalRow(number, metric.value, metric.interval)
        for number, one in _numbered(comparison)
        if (metric := one.metrics.get(comparison.metric))
    ]
    return draw_intervals(rows, rows[0].value) if rows else None


def _pair_plot(comparison: Comparison) -> IntervalPlot | None:
    """Differences in points; 0 is the reference."""
    rows = []
    for number, one in _numbered(comparison):
        pair = comparison.pairs.get(one.run_id)
        if pair and pair.difference is not None and pair.interval:
            low, high = pair.interval
            rows.append(IntervalRow(number, 100 * pair.difference, (100 * low, 100 * high)))
    return draw_intervals(rows, 0.0) if rows else None


def _scatter(comparison: Comparison, name: str, unit: float) -> ScatterPlot | None:
    points = [
        (number, x / unit, y)
        for number, one in _numbered(comparison)
        if (x := one.metric(name)) is not None and (y := one.metric(comparison.metric)) is not None and name != comparison.metric
    ]
    return draw_scatter(points) if len(points) > 1 else None


def _setting_plots(comparison: Comparison) -> Iterator[tuple[str, ScatterPlot]]:
    """The metric over each setting that differs and is a number."""
    for key in comparison.differing:
        points = [
            (number, float(one.settings[key]), y)
            for number, one in _numbered(comparison)
            if _is_number(one.settings.get(key)) and (y := one.metric(comparison.metric)) is not None
        ]
        if len({x for _, x, _ in points}) > 1:
            yield key, draw_scatter(points)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _slices(experiments: Sequence[Experiment]) -> list[SliceRow]:
    names = dict.fromkeys(name for one in experiments for name in one.metrics if name.startswith(_SLICE))
    return [
        SliceRow(name.removeprefix(_SLICE).replace(".", ": ", 1), tuple(one.metrics.get(name) for one in experiments)) for name in names
    ]


def _shared(comparison: Comparison) -> list[tuple[str, str]]:
    """The settings that all runs have in common."""
    differing = set(comparison.differing)
    settings = {key: value for one in comparison.experiments for key, value in one.settings.items() if key not in differing}
    return [(key, clean(setting_text(value), 200)) for key, value in sorted(settings.items())]
