"""How a long step reports its progress to the display of this process. Without a display the reports go to the log."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

# Units done, units in all.
ProgressCallback = Callable[[int, int], None]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """`done` of `total` units of `what`; `seconds_left` is an estimate, or None if unknown."""

    what: str
    done: float
    total: float
    seconds_left: float | None = None


class Listener(Protocol):
    """A display. Both methods may be called from any thread."""

    def report(self, progress: Progress) -> None: ...

    def notify(self, message: str) -> None: ...


_listeners: list[Listener] = []


def report(progress: Progress) -> None:
    if _listeners:
        _listeners[-1].report(progress)
    else:
        _log.info("%s: %g of %g", progress.what, progress.done, progress.total)


def notify(message: str) -> None:
    """Shows a message at once, such as what a step is waiting for."""
    if _listeners:
        _listeners[-1].notify(message)
    else:
        _log.warning(message)


@contextlib.contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Inside the `with` block, only this listener gets the reports."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


class Meter:
    """A ProgressCallback that adds an estimate: the mean rate since the first report, since the start before that. A count that
    falls starts a new measurement."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._since, self._before, self._last = time.monotonic(), 0, -1

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if done < self._last:
            self._since, self._before, self._last = now, done, -1
        gained = done - self._before
        report(Progress(self._what, done, total, (now - self._since) / gained * (total - done) if gained > 0 else None))
        if self._last < 0:
            # Resumed work, such as a download, starts with a large count.
            self._since, self._before = now, done
        self._last = done
