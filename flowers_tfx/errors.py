"""The errors that end a program of this package, and their exit codes."""

from collections.abc import Sequence
from enum import IntEnum


class ExitCode(IntEnum):
    """What other programs rely on (docs/interfaces.md)."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    BLOCKED = 3
    INTERRUPTED = 130


class InputError(Exception):
    """Bad input or usage: `str(error)` is one sentence with the cause, `hint` says what to do. It ends without a traceback."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class Blocked(Exception):
    """The data review stopped the run: `message` names the findings, `page` is the address of its report, `commands` accept what blocks or
    reject the photos, `summary` is the report in short, as Markdown."""

    def __init__(self, message: str, page: str, commands: Sequence[str], summary: str = "") -> None:
        super().__init__(message, page, commands, summary)
        self.message, self.page, self.commands, self.summary = message, page, tuple(commands), summary

    @property
    def hint(self) -> str:
        return decision_hint(self.page, self.commands)

    def __str__(self) -> str:
        return self.message


def decision_hint(page: str, commands: Sequence[str]) -> str:
    """How to continue a run that the data review stopped."""
    return f"Read {page}. Then either {' or '.join(commands)}, and run again."


class ExplainedFailure(Exception):
    """A failure whose cause is known: `message` names it, `hint` says what to try. It ends without a traceback."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message, self.hint = message, hint

    def __str__(self) -> str:
        return self.message


class EngineFailed(ExplainedFailure):
    """Beam's engine, or the job on it, failed."""


class ParityFailed(ExplainedFailure):
    """The ways of asking one model answer differently to a photo."""


def exit_code(error: BaseException) -> ExitCode:
    match error:
        case InputError():
            return ExitCode.BAD_INPUT
        case Blocked():
            return ExitCode.BLOCKED
        case KeyboardInterrupt():
            return ExitCode.INTERRUPTED
        case _:
            return ExitCode.FAILED


def cause_of(error: BaseException) -> str:
    """One line. Beam puts whole tracebacks into its messages: the last line outside them names the cause."""
    lines = [line for line in str(error).splitlines() if line.strip() and not line.startswith((" ", "Traceback"))]
    return f"{type(error).__name__}: {lines[-1 if 'Traceback' in str(error) else 0]}" if lines else type(error).__name__


def first_line(error: Exception) -> str:
    """The first line of the error's message, or its type where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
