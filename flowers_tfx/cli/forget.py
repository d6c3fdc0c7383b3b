"""`flowers forget`: a photo leaves everything that is stored."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from flowers_tfx.cli.command import CommandResult, given_options, with_config
from flowers_tfx.cli.progress_bar import progress_bar
from flowers_tfx.cli.root import flowers
from flowers_tfx.errors import InputError

if TYPE_CHECKING:
    from flowers_tfx.config import PipelineConfig


@flowers.command()
@click.option("--photo", metavar="SHA256", help="The photo whose file has this digest.")
@click.option("--uri", metavar="URI", help="The photo that was delivered from this address.")
@click.option("--yes", is_flag=True, help="Removes it. Without it, the command only shows what would be removed.")
@with_config
def forget(config: PipelineConfig, photo: str | None, uri: str | None, yes: bool) -> CommandResult:
    """Removes a photo from spans, samples, reports, logs and caches, and writes a certificate."""
    if (photo is None) == (uri is None):
        raise InputError("Name one photo.", "Give --photo SHA256 or --uri URI.")
    with progress_bar("Removing" if yes else "Looking") as progress:
        from flowers_tfx.data.forgotten import certificate_path
        from flowers_tfx.forgetting.forget import forget as remove
        from flowers_tfx.forgetting.forget import look_for, planned

        value = remove(config, photo, uri, progress) if yes else planned(config, look_for(config, photo, uri))
    rows = value["removed" if yes else "would_remove"]
    lines = list(_places(rows))
    lines += [
        f"Version {model['version']} {'was trained on it' if model['trained'] else 'was measured on it'}." for model in value["models"]
    ]
    lines += [f"Not reached: {entry['what']}. {entry['why']} {entry['do']}" for entry in value["not_reached"]]
    if yes:
        lines.append(f"Certificate: {certificate_path(config.data_root, value['photo'])}")
    else:
        named = ["--photo", photo] if photo else ["--uri", str(uri)]
        lines.append(f"Remove it: {shlex.join(['flowers', 'forget', *named, '--yes', *given_options()])}")
    return CommandResult(value, lines)


def _places(rows: list[dict[str, str]]) -> Iterator[str]:
    """A line for each kind of thing, with the first path."""
    paths: dict[str, list[str]] = {}
    for row in rows:
        paths.setdefault(row["what"], []).append(row["path"])
    for what, found in paths.items():
        yield f"{found[0]}{f' and {len(found) - 1} more' if len(found) > 1 else ''}: {what}"
