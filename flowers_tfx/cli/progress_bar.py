"""Progress on stderr: a bar with an estimate on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from flowers_tfx.progress import Listener, Meter, Progress, ProgressCallback, listening

if TYPE_CHECKING:
    from rich.console import Console

_SECONDS_BETWEEN_LINES = 10.0


@contextlib.contextmanager
def progress_bar(what: str) -> Iterator[ProgressCallback]:
    """Shows all progress that is reported within it; yields a meter for the work that `what` names."""
    from rich.console import Console

    console = Console(stderr=True)
    with contextlib.ExitStack() as stack:
        listener: Listener = stack.enter_context(_Bar(what, console)) if console.is_terminal else Lines()
        stack.enter_context(listening(listener))
        yield Meter(what)


def _left(progress: Progress) -> str:
    return "" if progress.seconds_left is None else f"{progress.seconds_left:.0f} s left"


class _Bar:
    def __init__(self, what: str, console: Console) -> None:
        import rich.progress

        columns = (
            rich.progress.TextColumn("{task.description}"),
            rich.progress.BarColumn(),
            rich.progress.MofNCompleteColumn(),
            rich.progress.TextColumn("{task.fields[left]}"),
        )
        # Rich would show on stderr what is printed to stdout.
        self._bar = rich.progress.Progress(*columns, console=console, transient=True, redirect_stdout=False)
        self._task = self._bar.add_task(what, total=None, left="")

    def __enter__(self) -> _Bar:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def report(self, progress: Progress) -> None:
        self._bar.update(self._task, description=progress.what, completed=progress.done, total=progress.total, left=_left(progress))

    def notify(self, message: str) -> None:
        self._bar.console.print(message, soft_wrap=True, markup=False, highlight=False)


class Lines:
    def __init__(self) -> None:
        self._printed = time.monotonic()

    def report(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._printed >= _SECONDS_BETWEEN_LINES and progress.done:
            self._printed = now
            parts = (f"{progress.what}: {progress.done:.0f} of {progress.total:.0f}", _left(progress))
            self.notify(", ".join(filter(None, parts)))

    def notify(self, message: str) -> None:
        click.echo(message, err=True)
