"""`flowers review exclude`, `include`, `relabel` and `apply`: decisions on single photos of a span, and files of decisions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowers_tfx.cli.command import CommandResult, Decorator, with_config
from flowers_tfx.cli.decision_result import record_decision, recorded_line
from flowers_tfx.cli.review import review

if TYPE_CHECKING:
    from flowers_tfx.config import PipelineConfig
    from flowers_tfx.data.decisions import Action


def _photo_options(command: Any) -> Any:
    """The options of `exclude` and `include`."""
    options: list[Decorator] = [
        click.argument("span", type=click.IntRange(1)),
        click.argument("more", nargs=-1, metavar="[DIGEST]..."),
        click.option("--group", metavar="ID", help="The photos of a group of the newest review of SPAN."),
        click.option("--photo", "photos", multiple=True, metavar="DIGEST...", help="Photos by the sha256 of their files; can be repeated."),
        click.option("--reason", required=True),
        click.option("--by", required=True, metavar="NAME"),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@review.command()
@_photo_options
@with_config
def exclude(
    config: PipelineConfig, span: int, more: tuple[str, ...], group: str | None, photos: tuple[str, ...], reason: str, by: str
) -> CommandResult:
    """Leaves photos of SPAN out of every window; the rest of SPAN is reviewed again. The decision is recorded in the data root."""
    return _decide_on_photos(config, "exclude", span, group, (*photos, *more), reason, by)


@review.command()
@_photo_options
@with_config
def include(
    config: PipelineConfig, span: int, more: tuple[str, ...], group: str | None, photos: tuple[str, ...], reason: str, by: str
) -> CommandResult:
    """Takes photos of SPAN that were left out back in. The decision is recorded in the data root."""
    return _decide_on_photos(config, "include", span, group, (*photos, *more), reason, by)


@review.command()
@click.argument("span", type=click.IntRange(1))
@click.option("--photo", "photos", multiple=True, metavar="DIGEST", help="A photo, by the sha256 of its file; can be repeated.")
@click.option(
    "--label", "labels", multiple=True, metavar="NAME", help="The class of each --photo, in their order; one name is that of all."
)
@click.option("--file", "table", type=click.Path(path_type=Path), help="A CSV of `digest,label` lines: a checked list of suspects.")
@click.option("--reason", required=True)
@click.option("--by", required=True, metavar="NAME")
@with_config
def relabel(
    config: PipelineConfig, span: int, photos: tuple[str, ...], labels: tuple[str, ...], table: Path | None, reason: str, by: str
) -> CommandResult:
    """Corrects labels of photos of SPAN. The decision is recorded in the data root."""
    from flowers_tfx.review.label_lists import corrected_labels, read_label_list

    if (table is None) == (not photos) or (photos and len(labels) not in (1, len(photos))) or (table and labels):
        raise click.UsageError(
            "Give either --file CSV, or --photo DIGEST and --label NAME, one label for all photos or one for each.",
            click.get_current_context(),
        )
    pairs = zip(photos, labels if len(labels) > 1 else labels * len(photos), strict=True)
    corrected = read_label_list(table) if table else corrected_labels(pairs, "The command")
    return record_decision(config, "relabel", span, (), reason, by, labels=corrected)


@review.command()
@click.argument("file", type=click.Path(path_type=Path))
@with_config
def apply(config: PipelineConfig, file: Path) -> CommandResult:
    """Records the decisions of FILE, which a reviewer downloaded from the desk: all of them, once."""
    from flowers_tfx.orchestration.settings import pipeline_schema
    from flowers_tfx.review.decision_files import apply_file, read_file

    corrects_labels = any(request.labels for request in read_file(file)[0])
    classes = pipeline_schema(config).labels if corrects_labels else ()
    applied = apply_file(config.data_root, file, classes=classes, approvals=config.review.approvals)
    if applied.was_applied:
        return CommandResult(applied.as_json(), [f"{file} was applied before: nothing changes."])
    lines = [recorded_line(config, decision) for decision in applied.decisions]
    return CommandResult(applied.as_json(), lines)


def _decide_on_photos(
    config: PipelineConfig, action: Action, span: int, group: str | None, photos: Sequence[str], reason: str, by: str
) -> CommandResult:
    from flowers_tfx.review.review_items import group_photos
    from flowers_tfx.review.stored_reviews import review_roots

    if (group is None) == (not photos):
        raise click.UsageError("Give either --group ID or --photo DIGEST.", click.get_current_context())
    if group is not None:
        photos = group_photos(review_roots(config.pipeline_root, config.data_root), config.data_root, span, group)
    photos = [photo.lower() for photo in photos]
    return record_decision(config, action, span, (), reason, by, photos=photos, group=group or "")
