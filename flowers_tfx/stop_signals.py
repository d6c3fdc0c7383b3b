"""SIGTERM and SIGINT for a loop that ends between two steps."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any


class Stopped(BaseException):
    """Raised by a signal while nothing but waiting goes on."""


class StopSignals:
    """`stopped`: whether a signal has come; `wake` is set then, and by whoever has a reason to look. Use it in the main thread."""

    def __init__(self) -> None:
        self.wake = threading.Event()
        self.stopped = False
        self._interrupting = False
        self._stop = threading.Event()
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopSignals:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        return kind is Stopped

    def wait(self, seconds: float) -> None:
        """Until a signal comes, at most so long."""
        self._stop.wait(seconds)

    @contextlib.contextmanager
    def interrupting(self) -> Iterator[None]:
        """Inside the `with` block, a signal raises Stopped, which ends the `with` block of this object."""
        self._interrupting = True
        try:
            yield
        finally:
            self._interrupting = False

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.stopped = True
        self._stop.set()
        self.wake.set()
        if self._interrupting:
            raise Stopped
