"""The program `flowers`: its commands, and how it ends."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn, TextIO

import click

# Each of these files adds its commands to `flowers`.
from flowers_tfx.cli import (  # noqa: F401
    dataset,
    decisions,
    desk,
    doctor,
    experiments,
    explain,
    forget,
    gc,
    ingest,
    kubeflow,
    kubeflow_runs,
    monitor,
    predict,
    registry,
    registry_card,
    review,
    run,
    runs,
    serve,
    spans,
    watch,
)
from flowers_tfx.cli.command import print_json
from flowers_tfx.cli.progress_bar import Lines
from flowers_tfx.cli.root import flowers
from flowers_tfx.errors import ExitCode, ExplainedFailure, InputError, exit_code
from flowers_tfx.progress import listening


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Runs a command and exits: 0 done, 1 failed, 2 bad input or usage, 3 blocked by the data review. With --json an error is JSON too."""
    _open_closed_streams()
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
    _drop_unwritable_output()
    sys.exit(code if isinstance(code, int) else ExitCode.DONE)


def _open_closed_streams() -> None:
    """Where standard output or error is closed, what is printed there goes nowhere. Left closed, its descriptor would be given to the next
    file that is opened, and libraries would print into that."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free descriptor: this one
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()


def _drop_unwritable_output() -> None:
    """What could not be printed, to a full disk for example, stays in Python's buffer: it would try again at its end, and exit with 120."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


def _needs_the_pipeline(error: BaseException) -> bool:
    """True for another command than `serve` and `predict` where only what these need is installed, as in the serving image."""
    return isinstance(error, ModuleNotFoundError) and find_spec("tensorflow") is None


def _is_unexpected(error: BaseException) -> bool:
    return not _needs_the_pipeline(error) and not isinstance(
        error, InputError | ExplainedFailure | MemoryError | click.ClickException | click.Abort | KeyboardInterrupt
    )


def _print_error(error: BaseException, as_json: bool) -> int:
    """Prints a sentence and a hint; the exit code."""
    message, hint, code = _describe(error)
    if as_json:
        try:
            print_json({"error": message, "hint": hint})
            return code
        except OSError:
            pass  # where the result cannot be printed, its error cannot either: people read it
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
        case ModuleNotFoundError() if _needs_the_pipeline(error):
            message = f"This installation has no TensorFlow: it serves and predicts, and lacks {error.name}, which this command needs."
            return message, "Run the command where the whole program is installed, such as the image of the pipeline.", ExitCode.BAD_INPUT
        case MemoryError():
            return "There is not enough memory.", "Give the process more memory, or less to do at once.", ExitCode.FAILED
        case KeyboardInterrupt() | click.Abort():
            return "Interrupted.", "", ExitCode.INTERRUPTED
        case _:
            hint = "This is a bug: -v, where the command has it, shows the traceback."
            return f"Unexpected {type(error).__name__}: {error}", hint, ExitCode.FAILED
