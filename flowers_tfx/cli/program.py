"""The program `flowers`: its commands, and how it ends."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

import click

# Each of these files adds its commands to `flowers`.
from flowers_tfx.cli import dataset, ingest, kubeflow, kubeflow_runs, predict, review, run, runs, spans  # noqa: F401
from flowers_tfx.cli.command import print_json
from flowers_tfx.cli.progress_bar import Lines
from flowers_tfx.cli.root import flowers
from flowers_tfx.errors import ExitCode, ExplainedFailure, InputError, exit_code
from flowers_tfx.progress import listening


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Runs a command and exits: 0 done, 1 failed, 2 bad input or usage, 3 blocked by the data review. With --json an error is JSON too."""
    # Google's libraries warn every user of Python 3.10 of its end, several times a start.
    warnings.filterwarnings("ignore", category=FutureWarning, module="google")
    # Pillow warns of odd files; those that can't be used are counted and named by the command itself.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    logging.getLogger("flowers_tfx").addHandler(logging.NullHandler())
    arguments = list(sys.argv[1:] if argv is None else argv)
    # TFX's Beam nodes hand all of sys.argv to absl, whose -v takes the next word for its value.
    del sys.argv[1:]
    try:
        with listening(Lines()):
            code = flowers.main(arguments, prog_name="flowers", standalone_mode=False)
    except BrokenPipeError:
        sys.stderr.close()
        code = ExitCode.FAILED
    except (Exception, KeyboardInterrupt) as error:
        if _is_unexpected(error) and ("-v" in arguments or "--verbose" in arguments):
            raise
        code = _print_error(error, "--json" in arguments)
    sys.exit(code if isinstance(code, int) else ExitCode.DONE)


def _is_unexpected(error: BaseException) -> bool:
    return not isinstance(error, InputError | ExplainedFailure | click.ClickException | click.Abort | KeyboardInterrupt)


def _print_error(error: BaseException, as_json: bool) -> int:
    """Prints a sentence and a hint; the exit code."""
    message, hint, code = _describe(error)
    if as_json:
        print_json({"error": message, "hint": hint})
        return code
    click.echo(f"Error: {message}", err=True)
    if hint:
        click.echo(hint, err=True)
    return code


def _describe(error: BaseException) -> tuple[str, str, ExitCode]:
    match error:
        case InputError() | ExplainedFailure():
            return error.message, error.hint, exit_code(error)
        case click.UsageError():
            usage = error.ctx.get_usage() if error.ctx else ""
            return error.format_message(), f"{usage}  (--help explains the options)".strip(), ExitCode.BAD_INPUT
        case click.ClickException():
            return error.format_message(), "", ExitCode.BAD_INPUT
        case KeyboardInterrupt() | click.Abort():
            return "Interrupted.", "", ExitCode.INTERRUPTED
        case _:
            hint = "This is a bug: -v, where the command has it, shows the traceback."
            return f"Unexpected {type(error).__name__}: {error}", hint, ExitCode.FAILED
