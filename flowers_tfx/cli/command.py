"""Shared by all commands: `--json`, printing, and loading of the configuration.

A command is a function with `@GROUP.command()` that returns a CommandResult; `--json` is added to it. `@with_config` adds `--config` and
`--set` and hands the loaded configuration over as `config`. Nothing heavy is imported here, nor at the head of a file with commands:
`flowers --help` reads them all.
"""

from __future__ import annotations

import functools
import json
import shlex
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from flowers_tfx.errors import ExitCode, ExplainedFailure

if TYPE_CHECKING:
    from rich.console import RenderableType

    Line: TypeAlias = str | RenderableType

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
_SETTINGS, _GIVEN, _JSON = (f"{__name__}.{name}" for name in ("settings", "given", "json"))
# The settings that decide where reviews and decisions are stored.
_ROOTS = ("data_root=", "pipeline_root=")


@dataclass(frozen=True)
class CommandResult:
    """`value` is the JSON of a command. People get `lines` on stdout and `notes` on stderr instead, and `warnings` are on stderr always.
    With `printed` the JSON is on stdout already: a server prints it when it is ready."""

    value: Any
    lines: Iterable[Line] = ()
    notes: Iterable[Line] = ()
    warnings: Iterable[str] = ()
    exit_code: ExitCode = ExitCode.DONE
    printed: bool = False


def print_result(result: CommandResult, as_json: bool) -> None:
    for warning in result.warnings:
        click.echo(warning, err=True)
    if as_json:
        if not result.printed:
            print_json(result.value)
        return
    for line in result.lines:
        _print_line(line, err=False)
    for note in result.notes:
        _print_line(note, err=True)


def print_json(value: Any) -> None:
    """One JSON value; what the terminal's encoding lacks is escaped."""
    text = json.dumps(value, ensure_ascii=False)
    click.echo(text if text == _encodable(text) else json.dumps(value))


def _print_line(line: Line, err: bool) -> None:
    if isinstance(line, str):
        click.echo(line if err else _encodable(line), err=err)
    else:
        from rich.console import Console
        from rich.text import Text

        # Tables fit the screen; a sentence is one line, which can be copied.
        Console(stderr=err).print(line, soft_wrap=isinstance(line, Text))


def _encodable(text: str) -> str:
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _printing(command: Callable[..., CommandResult]) -> Callable[..., int | None]:
    """The callback of a command: it runs the command, prints the result and returns the exit code."""

    @functools.wraps(command)
    def call(*args: Any, as_json: bool, **options: Any) -> int | None:
        if click.get_current_context().invoked_subcommand is not None:
            return None
        click.get_current_context().meta[_JSON] = as_json
        result = command(*args, **options)
        try:
            print_result(result, as_json)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise ExplainedFailure(
                f"The result cannot be printed: {error.strerror}.", "Check where the output goes, such as a full disk."
            ) from None
        return result.exit_code

    return call


def _json_option() -> click.Option:
    return click.Option(["--json", "as_json"], is_flag=True, help="Prints one JSON value on stdout and nothing else.")


class _Command(click.Command):
    def __init__(self, name: str | None, callback: Callable[..., CommandResult], **settings: Any) -> None:
        super().__init__(name, callback=_printing(callback), **settings)
        self.params.append(_json_option())


class CommandGroup(click.Group):
    """With `invoke_without_command` the group is a command itself if no subcommand follows."""

    command_class = _Command
    group_class = type

    def __init__(self, name: str | None, callback: Callable[..., Any], invoke_without_command: bool = False, **settings: Any) -> None:
        callback = _printing(callback) if invoke_without_command else callback
        super().__init__(name, callback=callback, invoke_without_command=invoke_without_command, **settings)
        if invoke_without_command:
            self.params.append(_json_option())


def with_config(command: Callable[..., CommandResult]) -> Callable[..., CommandResult]:
    """Adds --config and --set; the command gets the loaded configuration as `config`."""

    @click.option("--config", "config_path", type=click.Path(path_type=Path), help="YAML file of settings (docs/configuration.md).")
    @click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Overrides a configuration key; can be repeated.")
    @functools.wraps(command)
    def call(*args: Any, config_path: Path | None, overrides: tuple[str, ...], **options: Any) -> CommandResult:
        from flowers_tfx.config import load_config

        context = click.get_current_context()
        settings = context.meta.get(_SETTINGS, ())
        context.meta[_GIVEN] = (config_path, overrides)
        return command(*args, config=load_config(config_path, [*overrides, *settings]), **options)

    return call


def config_options(roots: tuple[str, ...] = _ROOTS) -> str:
    """The options that make another command find what the current command (@with_config) reads: `roots` are the settings that it needs,
    each with `=` at its end; by default those of data and reviews."""
    path, overrides = click.get_current_context().meta.get(_GIVEN, (None, ()))
    words = ["--config", str(path)] if path else []
    words += [word for setting in overrides if setting.startswith(roots) for word in ("--set", setting)]
    return shlex.join(words)


def given_options() -> list[str]:
    """--config and --set of the current command (@with_config), as they were given, for a command that it starts."""
    context = click.get_current_context()
    path, overrides = context.meta.get(_GIVEN, (None, ()))
    words = ["--config", str(path)] if path else []
    return words + [word for setting in [*overrides, *context.meta.get(_SETTINGS, ())] for word in ("--set", setting)]


def json_wanted() -> bool:
    """Whether the current command was called with --json, for those that print before they end."""
    return bool(click.get_current_context().meta.get(_JSON))


def setting_option(name: str, key: str, **attributes: Any) -> Decorator:
    """An option of a command with @with_config that sets a configuration key, as `--set KEY=VALUE` does."""

    def keep(context: click.Context, _: click.Parameter, value: str | None) -> None:
        if value is not None:
            context.meta.setdefault(_SETTINGS, []).append(f"{key}={value}")

    return click.option(name, callback=keep, expose_value=False, **attributes)
