"""`flowers explain`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowers_tfx.cli.command import CommandResult, with_config
from flowers_tfx.cli.progress_bar import progress_bar
from flowers_tfx.cli.root import flowers
from flowers_tfx.errors import ExitCode, InputError

if TYPE_CHECKING:
    from flowers_tfx.config import PipelineConfig
    from flowers_tfx.explain.explanation_files import ExplanationFiles
    from flowers_tfx.explain.methods import Method


@flowers.command()
@click.argument("images", nargs=-1, metavar="IMAGE|DIR...", type=click.Path(path_type=Path))
@click.option(
    "--class", "label", metavar="NAME", help="Explains a class instead of photos, on the photos of `test` of the version's spans."
)
@click.option("--all", "all_classes", is_flag=True, help="Explains all classes so: the page that a run makes of a version.")
@click.option(
    "--model", help="A version's folder or number, or a registry; default: the configured registry, of which the serving version answers."
)
@click.option(
    "--method",
    help="rise, which needs no gradients, or ig, guided-ig or xrai, for which TensorFlow is loaded; default: the setting explain.method.",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="A picture a photo: heat maps, regions, and the runner-up.")
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="One page with all photos; with --class or --all the page, by default explanations-VERSION.html in this folder.",
)
@click.option("--maps", type=click.Path(path_type=Path), metavar="DIR", help="The map of each photo in its size, float32, as .npy.")
@with_config
def explain(
    config: PipelineConfig,
    images: tuple[Path, ...],
    label: str | None,
    all_classes: bool,
    model: str | None,
    method: str | None,
    out: Path | None,
    page: Path | None,
    maps: Path | None,
) -> CommandResult:
    """Shows which parts of photos speak for the class that the model answers, and how far that can be trusted; or what the answers of a
    class, or of the whole model, rest on."""
    from flowers_tfx.explain.explanation_files import ExplanationFiles
    from flowers_tfx.explain.methods import find_method

    chosen = find_method(method or config.explain.method)
    if label is None and not all_classes:
        if not images:
            raise InputError("Nothing is named to explain.", "Name photos, a class with --class, or --all.")
        return _explain_photos(config, images, model, chosen, ExplanationFiles(out, maps, page))
    if images or (label is not None and all_classes):
        raise InputError("Photos, --class and --all are different things to explain.", "Name one of them.")
    if out is not None or maps is not None:
        raise InputError("--out and --maps are for photos.", "Name a file for the page with --html.")
    return _explain_version(config, model, chosen, label, page)


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


def _explain_version(config: PipelineConfig, model: str | None, method: Method, label: str | None, page: Path | None) -> CommandResult:
    from flowers_tfx.explain.version_explanations import explain_version
    from flowers_tfx.storage import check_target, output_file

    if page is not None:
        check_target(page, "--html")
    with progress_bar("Explaining") as _:
        explanations = explain_version(config, model, method, label)
    version = explanations.values["model"]["version"]
    target = page or Path(f"explanations-{version}.html")
    with output_file(target, "--html") as unfinished:
        unfinished.write_text(explanations.page(), encoding="utf-8")
    return CommandResult({**explanations.values, "page": str(target)}, [*explanations.sentences(), str(target)])
