"""`flowers experiments`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowers_tfx.cli.command import CommandResult, with_config
from flowers_tfx.cli.progress_bar import progress_bar
from flowers_tfx.cli.root import flowers
from flowers_tfx.errors import InputError

if TYPE_CHECKING:
    from flowers_tfx.config import PipelineConfig
    from flowers_tfx.experiments.comparison import Comparison

_MOST_RUNS = 200


@flowers.command()
@click.option("--metric", default="accuracy", show_default=True, help="The number that orders the runs, such as accuracy.label.roses.")
@click.option("--where", multiple=True, metavar="EXPR", help="Only runs for which it holds, such as model.alpha=0.35; can be repeated.")
@click.option(
    "--last", default=20, show_default=True, type=click.IntRange(1, _MOST_RUNS), help="At most so many of the newest of these runs."
)
@click.option("--against", default="best", show_default=True, help="The model of the pairs: best, serving, or that of a run.")
@click.option("--latency", is_flag=True, help="Measures how long the models take for a photo on this machine, side by side.")
@click.option("--html", "page", type=click.Path(path_type=Path), metavar="FILE", help="Writes one page with plots.")
@click.option("--export", type=click.Choice(["mlflow"]), help="Exports the runs; a run that was exported before is updated.")
@click.option("--tracking-uri", metavar="URI", help="Of the MLflow server; default: the environment's MLFLOW_TRACKING_URI.")
@with_config
def experiments(
    config: PipelineConfig,
    metric: str,
    where: tuple[str, ...],
    last: int,
    against: str,
    latency: bool,
    page: Path | None,
    export: str | None,
    tracking_uri: str | None,
) -> CommandResult:
    """Compares runs: what differs between them, how good their models are on the same photos, how large and how fast they are."""
    from flowers_tfx.storage import check_target

    if tracking_uri and not export:
        raise InputError("--tracking-uri is for --export mlflow.", "Name both.")
    if page is not None:
        check_target(page, "--html")
    with progress_bar("Comparing runs"):
        from flowers_tfx.experiments.comparison import Question, compare_runs

        comparison = compare_runs(config, Question(metric, where, last, against, latency))
        exported = _export(comparison, config.name, tracking_uri) if export else None
    if page is not None:
        write_page(comparison, page)
    from flowers_tfx.cli.experiments_display import comparison_lines

    value = {**comparison.as_json(), "page": str(page) if page else None, "exported": exported}
    lines = [*comparison_lines(comparison), *([f"page: {page}"] if page else [])]
    return CommandResult(value, lines, notes=_export_notes(exported))


def write_page(comparison: Comparison, page: Path) -> None:
    from flowers_tfx.experiments.page import render_page
    from flowers_tfx.storage import output_file

    with output_file(page, "--html") as unfinished:
        unfinished.write_text(render_page(comparison), encoding="utf-8")


def _export(comparison: Comparison, pipeline: str, uri: str | None) -> dict[str, object]:
    from flowers_tfx.experiments.mlflow_client import connect
    from flowers_tfx.experiments.mlflow_export import export_runs

    return export_runs(comparison, pipeline, connect(uri))


def _export_notes(exported: dict[str, object] | None) -> list[str]:
    if exported is None:
        return []
    return [f"MLflow: {exported['created']} runs created, {exported['updated']} updated in the experiment {exported['experiment']}."]
