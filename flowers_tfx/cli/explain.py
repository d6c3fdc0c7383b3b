"""`flowers explain`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowers_tfx.cli.command import CommandResult, with_config
from flowers_tfx.cli.progress_bar import progress_bar
from flowers_tfx.cli.root import flowers
from flowers_tfx.errors import ExitCode

if TYPE_CHECKING:
    from flowers_tfx.config import PipelineConfig
    from flowers_tfx.explain.explanation_files import ExplanationFiles
    from flowers_tfx.explain.methods import Method


@flowers.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE|DIR...", type=click.Path(path_type=Path))
@click.option(
    "--model", help="A version's folder or number, or a registry; default: the configured registry, of which the serving version answers."
)
@click.option(
    "--method",
    help="rise, which needs no gradients, or ig, guided-ig or xrai, for which TensorFlow is loaded; default: the setting explain.method.",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="A picture a photo: heat maps, regions, and the runner-up.")
@click.option("--html", "page", type=click.Path(path_type=Path), metavar="FILE", help="One page with all photos.")
@click.option("--maps", type=click.Path(path_type=Path), metavar="DIR", help="The map of each photo in its size, float32, as .npy.")
@with_config
def explain(
    config: PipelineConfig,
    images: tuple[Path, ...],
    model: str | None,
    method: str | None,
    out: Path | None,
    page: Path | None,
    maps: Path | None,
) -> CommandResult:
    """Shows which parts of photos speak for the class that the model answers, and how far that can be trusted."""
    from flowers_tfx.explain.explanation_files import ExplanationFiles
    from flowers_tfx.explain.methods import find_method

    chosen = find_method(method or config.explain.method)
    return _explain_photos(config, images, model, chosen, ExplanationFiles(out, maps, page))


def _explain_photos(
    config: PipelineConfig, images: tuple[Path, ...], model: str | None, method: Method, files: ExplanationFiles
) -> CommandResult:
    from flowers_tfx.explain.photo_explanations import explain_photos

    with progress_bar("Explaining") as progress:
        explanations = explain_photos(config, images, model, method, files, progress)
    rows, unreadable = explanations.rows, explanations.unreadable
    withheld = sum(not row["trustworthy"] for row in rows if "error" not in row)
    version = f"model version {explanations.version}: {explanations.model}"
    summary = f"{len(rows)} files, {unreadable} unreadable, {withheld} not trustworthy, {version}"
    places = (("Pictures", files.pictures), ("Maps", files.maps), ("Page", files.page))
    return CommandResult(
        list(rows),
        explanations.lines,
        notes=[
            *(f"{row['file']}: {row['error']}" for row in rows if "error" in row),
            summary,
            *(f"{name}: {place}" for name, place in places if place is not None),
        ],
        exit_code=ExitCode.BAD_INPUT if unreadable == len(rows) else ExitCode.DONE,
    )
