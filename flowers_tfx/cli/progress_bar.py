"""Progress on stderr: a bar with an estimate on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

import click

from flowers_tfx.cli.library_output import hold_stderr
from flowers_tfx.progress import Listener, Meter, Progress, ProgressCallback, listening

if TYPE_CHECKING:
    from rich.console import Console

_SECONDS_BETWEEN_LINES = 10.0


@contextlib.contextmanager
def progress_bar(what: str) -> Iterator[ProgressCallback]:
    """Shows the progress reported inside the `with` block, and hides what libraries print on stderr. Yields a meter for the work
    `what`."""
    from rich.console import Console

    with contextlib.ExitStack() as stack:
        screen = stack.enter_context(hold_stderr())
        console = Console(file=screen)
        listener: Listener = stack.enter_context(_Bar(what, console)) if console.is_terminal else Lines(screen)
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
        # Rich would show what is printed to stdout, and what libraries print to stderr, above the bar.
        self._bar = rich.progress.Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)
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
    """On `screen`, or on what is stderr at that time."""

    def __init__(self, screen: TextIO | None = None) -> None:
        self._screen = screen
        self._printed = time.monotonic()

    def report(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._printed >= _SECONDS_BETWEEN_LINES and progress.done:
            self._printed = now
            parts = (f"{progress.what}: {progress.done:.0f} of {progress.total:.0f}", _left(progress))
            self.notify(", ".join(filter(None, parts)))

    def notify(self, message: str) -> None:
        click.echo(message, file=self._screen, err=True)
