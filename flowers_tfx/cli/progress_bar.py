"""A progress bar with an estimate on stderr; a plain line now and then where stderr is not a terminal."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import rich.progress
from rich.console import Console

from flowers_tfx.progress import Meter, Progress, ProgressCallback, listening

_SECONDS_BETWEEN_LINES = 10.0


@contextlib.contextmanager
def progress_bar(what: str) -> Iterator[ProgressCallback]:
    """Shows all progress that is reported within it; yields a meter for the work that `what` names."""
    console = Console(stderr=True)
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(_Bar(what, console)) if console.is_terminal else _Lines(console)
        stack.enter_context(listening(listener))
        yield Meter(what)


def _left(progress: Progress) -> str:
    return "" if progress.seconds_left is None else f"{progress.seconds_left:.0f} s left"


class _Bar:
    def __init__(self, what: str, console: Console) -> None:
        columns = (
            rich.progress.TextColumn("{task.description}"),
            rich.progress.BarColumn(),
            rich.progress.MofNCompleteColumn(),
            rich.progress.TextColumn("{task.fields[left]}"),
        )
        self._bar = rich.progress.Progress(*columns, console=console, transient=True)
        self._task = self._bar.add_task(what, total=None, left="")

    def __enter__(self) -> _Bar:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def report(self, progress: Progress) -> None:
        self._bar.update(self._task, description=progress.what, completed=progress.done, total=progress.total, left=_left(progress))

    def notify(self, message: str) -> None:
        self._bar.console.print(message, markup=False, highlight=False)


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._printed = time.monotonic()

    def report(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._printed >= _SECONDS_BETWEEN_LINES and progress.done:
            self._printed = now
            left = ", ".join(filter(None, (f"{progress.done:.0f} of {progress.total:.0f}", _left(progress))))
            self._console.print(f"{progress.what}: {left}", markup=False, highlight=False)

    def notify(self, message: str) -> None:
        self._console.print(message, markup=False, highlight=False)
