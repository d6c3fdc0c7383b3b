"""Options and output that commands share."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Prints one JSON value on stdout and nothing else.")


def config_options(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option(
        "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Overrides a configuration key; can be repeated."
    )(command)
    return click.option("--config", "config_path", type=click.Path(path_type=Path), help="YAML file of settings (docs/configuration.md).")(
        command
    )


def put(value: Any, as_json: bool, *lines: str) -> None:
    """The result of a command: one JSON value, or lines for people. What the terminal's encoding lacks is escaped."""
    if as_json:
        text = json.dumps(value, ensure_ascii=False)
        click.echo(text if text == _shown(text) else json.dumps(value))
    else:
        for line in lines:
            click.echo(_shown(line))


def _shown(text: str) -> str:
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
