"""`flowers registry`: which versions there are, and which one serves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from flowers_tfx.cli.command import CommandResult, with_config
from flowers_tfx.cli.root import flowers
from flowers_tfx.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from flowers_tfx.config import PipelineConfig
    from flowers_tfx.registry import Entry


@flowers.group()
def registry() -> None:
    """The versions of the model, and which one serves."""


@registry.command(name="list")
@with_config
def list_versions(config: PipelineConfig) -> CommandResult:
    """Lists the versions, newest first, with what they were trained on, and which one serves."""
    from flowers_tfx.registry import entry, versions

    rows = [_row(entry(config.registry, number)) for number in reversed(versions(config.registry))]
    warnings = []
    try:
        state = _serving_state(config.registry)
    except InputError as error:
        state = {"serving": None, "pinned": None}
        warnings = [f"{error.message} {error.hint}"] if rows else []
    value = {"registry": config.registry, **state, "versions": rows}
    return CommandResult(value, [_table(rows, state), config.registry], warnings=warnings)


@registry.command()
@click.argument("version", type=click.IntRange(0))
@with_config
def pin(config: PipelineConfig, version: int) -> CommandResult:
    """Makes VERSION serve, whatever is pushed, until `unpin`."""
    from flowers_tfx.registry import pin_version

    pin_version(config.registry, version)
    return _pinned(config.registry, f"Version {version} is pinned: it serves, whatever is pushed.")


@registry.command()
@with_config
def unpin(config: PipelineConfig) -> CommandResult:
    """Makes the newest version serve again."""
    from flowers_tfx.registry import newest_version, remove_pin

    sentence = "Nothing is pinned any more" if remove_pin(config.registry) else "Nothing was pinned"
    newest = newest_version(config.registry)
    value = {"registry": config.registry, **_serving_state(config.registry)}
    return CommandResult(value, [f"{sentence}: version {newest}, the newest, serves.", config.registry])


@registry.command()
@with_config
def rollback(config: PipelineConfig) -> CommandResult:
    """Pins the version before the one that serves."""
    from flowers_tfx.registry import roll_back, serving_version

    before = serving_version(config.registry)
    version = roll_back(config.registry).version
    return _pinned(config.registry, f"Version {version} is pinned: it serves in place of {before}, whatever is pushed.")


def _pinned(registry_uri: str, sentence: str) -> CommandResult:
    """The pin's file is the last line: servers and `flowers predict` read it."""
    from flowers_tfx.registry import pin_path

    file = str(pin_path(registry_uri))
    return CommandResult({"registry": registry_uri, **_serving_state(registry_uri), "file": file}, [sentence, file])


def _serving_state(registry_uri: str) -> dict[str, Any]:
    """The version that serves, and the pinned one or None."""
    from flowers_tfx.registry import read_pin, serving_version

    pinned = read_pin(registry_uri)
    return {"serving": serving_version(registry_uri), "pinned": None if pinned is None else pinned.version}


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "version": entry.version,
        "created": entry.created,
        "spans": [span["span"] for span in entry.spans],
        "digest": entry.digest,
        "damage": entry.damage or None,
    }


def _table(rows: Sequence[dict[str, Any]], state: dict[str, Any]) -> Table:
    """It fits into 80 columns."""
    from rich.table import Table

    table = Table(title=f"{len(rows)} versions", title_justify="left")
    for heading in ("Version", "Created (UTC)", "Spans", "Digest", ""):
        table.add_column(heading)
    for row in rows:
        marks = [name for name in ("serving", "pinned") if state[name] == row["version"]]
        created = row["created"][:16].replace("T", " ")
        table.add_row(str(row["version"]), created, _span_text(row["spans"]), row["digest"][:12], row["damage"] or ", ".join(marks))
    return table


def _span_text(spans: Sequence[int]) -> str:
    numbers = sorted(spans)
    return f"{numbers[0]}-{numbers[-1]} ({len(numbers)})" if len(numbers) > 3 else ", ".join(map(str, numbers))
