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
