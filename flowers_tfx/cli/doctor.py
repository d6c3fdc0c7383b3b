"""`flowers doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowers_tfx.cli.command import CommandResult
from flowers_tfx.cli.root import flowers
from flowers_tfx.errors import ExitCode

if TYPE_CHECKING:
    from flowers_tfx.doctor.all_checks import Diagnosis


# Not @with_config: a configuration that cannot be read is one of the findings, and the other checks go on.
@flowers.command()
@click.option("--config", "config_path", type=click.Path(path_type=Path), help="YAML file of settings (docs/configuration.md).")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Overrides a configuration key; can be repeated.")
@click.option("--host", default="", metavar="URL", help="Also asks this Pipelines API, such as http://localhost:8888.")
@click.option("--port", type=click.IntRange(1, 65_535), default=8501, show_default=True, help="The port that `flowers serve` will take.")
def doctor(config_path: Path | None, overrides: tuple[str, ...], host: str, port: int) -> CommandResult:
    """Checks this machine, installation and configuration, and says what to do about what is wrong."""
    from flowers_tfx.doctor.all_checks import diagnose

    diagnosis = diagnose(config_path, overrides, host, port)
    code = ExitCode.FAILED if diagnosis.state == "fail" else ExitCode.DONE
    return CommandResult(diagnosis.as_json(), list(_lines(diagnosis)), exit_code=code)


def _lines(diagnosis: Diagnosis) -> Iterator[str]:
    """Plain text: what draws tables can be what is broken."""
    width = max(map(len, diagnosis.results))
    for name, result in diagnosis.results.items():
        yield f"{result.state:4}  {name:{width}}  {result.found}"
        if result.advice:
            yield f"{'':4}  {'':{width}}  -> {result.advice}"
