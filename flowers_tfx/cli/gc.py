"""`flowers gc`: removes what is stored and no longer needed."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from flowers_tfx.cli.command import CommandResult, given_options, with_config
from flowers_tfx.cli.progress_bar import progress_bar
from flowers_tfx.cli.root import flowers

if TYPE_CHECKING:
    from rich.table import Table

    from flowers_tfx.cli.command import Line
    from flowers_tfx.config import PipelineConfig
    from flowers_tfx.retention.collection import Collection
    from flowers_tfx.retention.items import Item


@flowers.command()
@click.option("--yes", is_flag=True, help="Removes it. Without it, the command only shows what would be removed.")
@with_config
def gc(config: PipelineConfig, yes: bool) -> CommandResult:
    """Shows, and with --yes removes, what is stored and no longer needed."""
    with progress_bar("Removing" if yes else "Looking") as progress:
        from flowers_tfx.retention.collection import collect, plan

        collection = collect(config, progress) if yes else plan(config)
    again = "" if yes or not collection.leaving else f"Remove it: {shlex.join(['flowers', 'gc', '--yes', *given_options()])}"
    return CommandResult(collection.as_json(), [*_lines(collection), *([again] if again else [])])


def _lines(collection: Collection) -> Iterator[Line]:
    if collection.leaving:
        yield _table(collection)
    verb = "Removed" if collection.removed else "Would remove"
    counts = Counter(item.kind for item in collection.leaving)
    kinds = ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in counts.items()) or "nothing"
    yield (
        f"{verb} {kinds}: {_size(collection.bytes)} of {_size(collection.bytes_before)}; "
        f"{_size(collection.bytes_before - collection.bytes)} stay."
    )


def _table(collection: Collection) -> Table:
    """A row for each reason, the largest first."""
    from rich.markup import escape
    from rich.table import Table

    groups: dict[tuple[str, str], list[Item]] = {}
    for item in collection.leaving:
        groups.setdefault((item.kind, item.why), []).append(item)
    table = Table(caption="--json lists every path", caption_justify="left")
    for heading in ("Kind", "Number", "Size"):
        table.add_column(heading, no_wrap=True, justify="left" if heading == "Kind" else "right")
    table.add_column("Why")
    table.add_column("The largest", overflow="fold")
    for (kind, why), items in sorted(groups.items(), key=lambda group: -sum(item.bytes for item in group[1])):
        largest = max(items, key=lambda item: item.bytes)
        table.add_row(kind, str(len(items)), _size(sum(item.bytes for item in items)), escape(why), escape(str(largest.path)))
    return table


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 100_000 else f"{count:,} bytes"
