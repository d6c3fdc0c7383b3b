"""How a long step says how far it is, to whoever listens in this process; without a listener it goes to the log."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """`done` of `total` units of `what`; `seconds_left` is an estimate, None while nothing can be said."""

    what: str
    done: float
    total: float
    seconds_left: float | None = None


Listener = Callable[[Progress], None]
_listeners: list[Listener] = []


def report(progress: Progress) -> None:
    for listener in _listeners:
        listener(progress)
    if not _listeners:
        logging.getLogger(__name__).info("%s: %g of %g", progress.what, progress.done, progress.total)


@contextlib.contextmanager
def listening(listener: Listener) -> Iterator[None]:
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


class Meter:
    """Turns a count into reports with an estimate: the rate so far, carried on."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._start = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        elapsed = time.monotonic() - self._start
        report(Progress(self._what, done, total, elapsed / done * (total - done) if done else None))
