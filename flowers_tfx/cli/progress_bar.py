"""A progress bar with an estimate on stderr; plain lines, seldom, where stderr is no terminal."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_SECONDS_BETWEEN_LINES = 10.0


@contextlib.contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Yields `progress(done, total)`; it may be called from any thread, and as often as the work likes."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(what, console)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task(what, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


def _lines(what: str, console: Console) -> Callable[[int, int], None]:
    began = said = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= _SECONDS_BETWEEN_LINES and done:
            said = now
            left = (now - began) / done * (total - done)
            console.print(f"{what}: {done} of {total}, {left:.0f} s left", markup=False, highlight=False)

    return progress
