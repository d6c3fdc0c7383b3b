"""A comparison of runs on the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.markup import escape
from rich.table import Table

from flowers_tfx.experiments.comparison import Comparison
from flowers_tfx.experiments.experiment import Experiment
from flowers_tfx.experiments.run_metrics import ACCURACY, LITERT_BYTES, SAVED_MODEL_BYTES
from flowers_tfx.experiments.run_settings import setting_text
from flowers_tfx.experiments.sentences import metric_text, pair_text, sentences
from flowers_tfx.reports.words import clean

_DATA_CHARACTERS, _DIGEST_CHARACTERS = 14, 8


def comparison_lines(comparison: Comparison) -> Iterator[Table | str]:
    yield _table(comparison)
    yield from sentences(comparison)


def _table(comparison: Comparison) -> Table:
    extra = [] if comparison.metric == ACCURACY else [comparison.metric]
    headings = ["Run", "Settings", ACCURACY.capitalize(), *extra, "On the same photos", "MB"]
    table = Table(title=f"{len(comparison.experiments)} runs by {escape(comparison.metric)}; MB: SavedModel + LiteRT", title_justify="left")
    for heading in [*headings, *(["ms a photo"] if comparison.latencies else [])]:
        table.add_column(heading, overflow="fold", no_wrap=heading == "Run")
    for one in comparison.experiments:
        table.add_row(*(escape(text) for text in _row(comparison, one, [ACCURACY, *extra])))
    return table


# The first column is not wrapped: its lines are short.
def _row(comparison: Comparison, one: Experiment, metrics: list[str]) -> list[str]:
    latency = comparison.latencies.get(one.run_id)
    return [
        "\n".join((one.run_id, *_status(comparison, one), *_data(one))),
        "\n".join(f"{key}={setting_text(one.settings[key])}" for key in comparison.differing if key in one.settings),
        *(metric_text(one, name) for name in metrics),
        pair_text(comparison, one),
        _megabytes(one),
        *([f"{latency.median_ms:.1f}" if latency else ""] if comparison.latencies else []),
    ]


def _status(comparison: Comparison, one: Experiment) -> Iterator[str]:
    yield one.run.status
    if one.run.verdict:
        yield f"review: {one.run.verdict}"
    if one.blessed is not None:
        yield "blessed" if one.blessed else "not blessed"
    if one.version:
        yield f"version {one.version}"
    if one.version and one.version == comparison.serving:
        yield "serves"


def _data(one: Experiment) -> Iterator[str]:
    if one.data.spans:
        yield f"spans {clean(', '.join(str(span['span']) for span in one.data.spans), _DATA_CHARACTERS)}"
        yield f"data {one.data.digest[:_DIGEST_CHARACTERS]}"
    if one.data.examples:
        yield f"{one.data.examples:,} photos"


def _megabytes(one: Experiment) -> str:
    return " + ".join(f"{one.metrics[key].value / 1e6:.1f}" for key in (SAVED_MODEL_BYTES, LITERT_BYTES) if key in one.metrics)
