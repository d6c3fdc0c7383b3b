"""`flowers ingest`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowers_tfx.cli.command import CommandResult, setting_option, with_config
from flowers_tfx.cli.progress_bar import progress_bar
from flowers_tfx.cli.root import flowers

if TYPE_CHECKING:
    from flowers_tfx.config import PipelineConfig

_MOST_REJECTS = 20


@flowers.command()
@setting_option("--csv", "ingest.csv", help="CSV of `uri,label` lines.")
@setting_option("--labels", "ingest.labels", help="File with one class per line.")
@setting_option("--data-root", "data_root", help="Folder of the spans.")
@click.option("--span", type=click.IntRange(0, 10**9), help="Number of the span; default: the next one.")
@click.option("--replaces", type=click.IntRange(1), help="A rejected span that this delivery corrects: its photos count as new.")
@click.option("--id", "ingest_id", default="", metavar="ID", help="Stands in the span's manifest as ingest_id; default: a random one.")
@click.option(
    "--rejects", "rejects_path", type=click.Path(path_type=Path, dir_okay=False), help="File for the lines without a usable photo."
)
@setting_option("--engine", "beam.engine", help="Beam's engine: direct, direct-multi, portable, flink, spark or dataflow.")
@with_config
def ingest(config: PipelineConfig, span: int | None, replaces: int | None, ingest_id: str, rejects_path: Path | None) -> CommandResult:
    """Ingests the photos of a CSV into the data root as one span. Photos that are already there are left out."""
    from flowers_tfx.orchestration.ingest_job import ingest_delivery
    from flowers_tfx.storage import check_target

    if rejects_path is not None:
        check_target(rejects_path, "--rejects")
    with progress_bar("Ingesting") as progress:
        result = ingest_delivery(config, span, progress, replaces, ingest_id, rejects_path)
    counts = f"{result.examples} new, {result.known} known, {result.duplicates} duplicates, {result.rejected} rejected"
    folder = "nothing new, no span" if result.span is None else f"{result.data_root}/span-{result.span}"
    warnings = [f"rejected: {reject.uri or f'line {reject.line}'}: {reject.reason}" for reject in result.rejects[:_MOST_REJECTS]]
    if result.rejected > _MOST_REJECTS:
        warnings.append(f"... and {result.rejected - _MOST_REJECTS} more")
    return CommandResult(result.as_json(), [f"{counts}, in {result.seconds:.1f} s: {folder}"], warnings=warnings)
