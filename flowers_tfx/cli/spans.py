"""`flowers spans` and `flowers spans measure`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from flowers_tfx.cli.command import CommandResult, with_config
from flowers_tfx.cli.progress_bar import progress_bar
from flowers_tfx.cli.root import flowers

if TYPE_CHECKING:
    from rich.table import Table

    from flowers_tfx.config import PipelineConfig


@flowers.group(invoke_without_command=True)
@with_config
def spans(config: PipelineConfig) -> CommandResult:
    """Lists the spans of the data root with counts, dates, verdicts and decisions."""
    from flowers_tfx.review.span_verdicts import span_verdicts

    rows = span_verdicts(config.data_root, config.pipeline_root, config.review.approvals)
    return CommandResult(rows, [spans_table(rows), *decision_lines(rows)])


@spans.command()
@click.argument("numbers", metavar="[SPAN]...", nargs=-1, type=click.IntRange(1))
@with_config
def measure(config: PipelineConfig, numbers: tuple[int, ...]) -> CommandResult:
    """Measures the image properties that SPANs lack because they were added later; without SPAN, those of all spans."""
    from flowers_tfx.orchestration.measure_job import measure_spans

    with progress_bar("Measuring") as progress:
        results = measure_spans(config, numbers, progress)
    lines = [f"span {done.span}: {', '.join(done.properties)} of {done.photos} photos, in {done.seconds:.1f} s" for done in results]
    return CommandResult([done.as_json() for done in results], lines or ["Nothing to measure: the spans have all image properties."])


def spans_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """It fits into 80 columns."""
    from rich.table import Table

    from flowers_tfx.features import SPLITS

    table = Table(title=f"{len(rows)} spans", title_justify="left")
    for heading in ("Span", "Created (UTC)", "Photos", "train/eval/test", "Rejected", "Verdict"):
        table.add_column(heading, no_wrap=True)
    for row in rows:
        splits = "/".join(str(row["splits"][name]) for name in SPLITS)
        verdict = "rejected" if row["rejected_by_reviewer"] else row["verdict"] or "-"
        created = row["created"][:16].replace("T", " ")
        table.add_row(str(row["span"]), created, str(row["examples"]), splits, str(row["rejected"]), verdict)
    return table


def decision_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The decisions of reviewers, one per line, and how many names those still need that wait."""
    from flowers_tfx.reports.words import clean
    from flowers_tfx.review.decision_words import decision_line

    lines = [clean(f"span {row['span']}: {decision_line(decision)}", 1000) for row in rows for decision in row["decisions"]]
    for row in rows:
        for waiting in row["waiting"]:
            names = " and ".join(waiting["by"])
            lines.append(clean(f"span {row['span']}: {waiting['action']} by {names} waits for {waiting['missing']} other name(s)", 1000))
    return lines
