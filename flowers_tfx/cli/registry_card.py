"""`flowers registry show` and `flowers registry diff`: model cards of versions, as tables and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from flowers_tfx.cli.command import CommandResult, with_config
from flowers_tfx.cli.registry import registry
from flowers_tfx.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from flowers_tfx.config import PipelineConfig
    from flowers_tfx.model_card.difference import VersionDescription

_NOT_RECORDED = "not recorded"


@registry.command()
@click.argument("version", type=click.IntRange(0), required=False)
@click.option("--open", "open_page", is_flag=True, help="Opens the card in a browser.")
@with_config
def show(config: PipelineConfig, version: int | None, open_page: bool) -> CommandResult:
    """Shows the model card of VERSION, by default of the one that serves: what it is, how good it is, and where its files lie."""
    from flowers_tfx.registry import CARD_FILE, CARD_PAGE, card_damage, damage, explanations_page, serving_version

    version = serving_version(config.registry) if version is None else version
    described = _describe(config.registry, version)
    entry, folder = described.entry, described.folder
    files = {"card": str(folder / CARD_FILE), "page": str(folder / CARD_PAGE)} if described.card else {}
    if page := explanations_page(folder):
        files["explanations"] = str(page)
    problems = [text for text in (damage(config.registry, entry), card_damage(config.registry, entry)) if text]
    warnings = [f"Version {version}: {text}." for text in problems]
    if described.card is None:
        warnings.append(f"Version {version} has no model card: the table shows its record and training.json.")
    if open_page:
        _open(described)
    value = {
        "version": version,
        "record": entry.as_json(),
        "training": dict(described.training),
        "card": described.card,
        "files": files,
        "folder": str(folder),
        "damage": problems,
    }
    table = _table(f"Version {version}", ("", ""), _essentials(described))
    return CommandResult(value, [table, *(files.values() or [str(folder)])], warnings=warnings)


@registry.command()
@click.argument("first", type=click.IntRange(0))
@click.argument("second", type=click.IntRange(0))
@with_config
def diff(config: PipelineConfig, first: int, second: int) -> CommandResult:
    """Compares the versions FIRST and SECOND: settings, data, metrics, refusal, sizes and libraries."""
    from flowers_tfx.model_card.difference import differences

    value = differences(_describe(config.registry, first), _describe(config.registry, second))
    warnings = [f"Version {number} has no model card: only its record and training.json are compared." for number in value["without_card"]]
    table = _table("Differences", ("", str(first), str(second)), _difference_rows(value))
    return CommandResult(value, [table, config.registry], warnings=warnings)


def _describe(registry_uri: str, version: int) -> VersionDescription:
    from flowers_tfx.model_card.difference import describe_version
    from flowers_tfx.registry import entry, versions

    if version not in versions(registry_uri):
        raise InputError(f"The registry {registry_uri} has no version {version}.", "`flowers registry list` names them.")
    return describe_version(registry_uri, entry(registry_uri, version))


def _open(described: VersionDescription) -> None:
    from pathlib import Path

    from flowers_tfx.registry import CARD_PAGE

    page = described.folder / CARD_PAGE
    if not page.is_file():
        raise InputError(f"Version {described.entry.version} has no page to open.", "Versions that are pushed from now on have one.")
    if not isinstance(page, Path):
        raise InputError(f"{page} lies in a bucket: a browser cannot open it.", "Copy it to this machine and open the copy.")
    click.launch(page.resolve().as_uri())


def _essentials(described: VersionDescription) -> Iterable[tuple[str, ...]]:
    entry, card = described.entry, described.card or {}
    yield "Created (UTC)", entry.created or _NOT_RECORDED
    yield "Spans", ", ".join(str(span["span"]) for span in entry.spans) or _NOT_RECORDED
    model = described.training.get("model", {})
    yield (
        "Backbone",
        f"{model['backbone']} {model.get('alpha', '')}, {model.get('image_size')} px" if "backbone" in model else _NOT_RECORDED,
    )
    if start := described.training.get("start"):
        yield "Started from", f"version {start['version']}"
    yield "Chosen stage", str(described.training.get("chosen_stage", _NOT_RECORDED))
    metrics = card.get("metrics", {})
    yield "Accuracy on test", _accuracy_text(metrics.get("accuracy"))
    for one in metrics.get("classes", ()):
        yield f"  {one['name']}", f"recall {_share_text(one['recall'], one['recall_interval'])}, {one['photos']} photos"
    yield "Calibration error", _share_text(card.get("calibration", {}).get("error"), None)
    yield "Own photos refused", _refusal_text(card.get("refusal"))
    yield "SavedModel, LiteRT", _sizes_text(card.get("model", {}).get("bytes"))
    yield "Digest", entry.digest or _NOT_RECORDED


def _difference_rows(value: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    for name, pair in {**value["settings"], **value["libraries"]}.items():
        yield name, *map(_value_text, pair)
    if any(value["start"]):
        yield "Started from", *(f"version {start['version']}" if start else "model.weights" for start in value["start"])
    data = value["data"]
    spans = [data["spans_removed"], data["spans_added"]]
    if any(spans):
        yield "Spans only in one", *(", ".join(map(str, one)) for one in spans)
    yield "Photos", *(_NOT_RECORDED if one is None else str(sum(one.values())) for one in data["photos"])
    yield "Accuracy on test", *map(_accuracy_text, value["metrics"]["accuracy"])
    for name, pair in value["metrics"]["recall"].items():
        yield f"  recall of {name}", *(_share_text(one["value"], one["interval"]) if one else _NOT_RECORDED for one in pair)
    yield "Calibration error", *(_share_text(one, None) for one in value["calibration_error"])
    yield "Own photos refused", *map(_refusal_text, value["refusal"])
    yield "SavedModel, LiteRT", *map(_sizes_text, value["bytes"])


def _value_text(value: Any) -> str:
    if value is None:
        return _NOT_RECORDED
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def _accuracy_text(accuracy: Mapping[str, Any] | None) -> str:
    return f"{_share_text(accuracy['value'], accuracy['interval'])}, {accuracy['photos']} photos" if accuracy else _NOT_RECORDED


def _share_text(share: float | None, interval: Iterable[float] | None) -> str:
    if share is None:
        return _NOT_RECORDED
    low_high = [f"{100 * end:.1f}" for end in interval or ()]
    return f"{100 * share:.1f} %" + (f" ({' to '.join(low_high)})" if low_high else "")


def _refusal_text(refusal: Mapping[str, Any] | None) -> str:
    return _share_text(refusal["share"], refusal["interval"]) if refusal else _NOT_RECORDED


def _sizes_text(sizes: Mapping[str, Any] | None) -> str:
    if not sizes:
        return _NOT_RECORDED
    return ", ".join(f"{size / 1e6:.2f} MB" for size in (sizes["saved_model"], sizes["litert"]) if size is not None)


def _table(title: str, headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left", show_header=any(headings))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table
