"""The ways in which a command ends badly, and the exit codes that programs rely on."""

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_BLOCKED = 3


class InputError(Exception):
    """Bad input or usage: `str(error)` is one sentence with the cause, `hint` says what to do. Exit code 2, no traceback."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class Blocked(Exception):
    """The data review stopped the run: `message` names the findings, `report` the page, `hint` how to go on. Exit code 3."""

    def __init__(self, message: str, hint: str, report: str) -> None:
        super().__init__(message, hint, report)
        self.message, self.hint, self.report = message, hint, report

    def __str__(self) -> str:
        return self.message


class EngineFailed(Exception):
    """Beam's engine, or the job on it, failed: `message` names the cause, `hint` says what to try. Exit code 1."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message, self.hint = message, hint

    def __str__(self) -> str:
        return self.message


def cause_of(error: BaseException) -> str:
    """One line. Beam puts whole tracebacks into its messages: the last line that is no part of one tells the cause."""
    lines = [line for line in str(error).splitlines() if line.strip() and not line.startswith((" ", "Traceback"))]
    return f"{type(error).__name__}: {lines[-1 if 'Traceback' in str(error) else 0]}" if lines else type(error).__name__
