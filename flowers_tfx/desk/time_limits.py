"""Calls that may take longer than a page can wait: a bucket that does not answer must not hold up the other pipelines."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent import futures
from typing import TypeVar

T = TypeVar("T")


class TimeLimit:
    """Calls take at most `seconds`. While one of them is overdue, others are refused at once, so that few threads wait. `subject`: who
    does not answer, as the start of a sentence."""

    def __init__(self, subject: str, seconds: float) -> None:
        self._subject, self._seconds = subject, seconds
        self._overdue: set[futures.Future[object]] = set()

    def call(self, function: Callable[[], T]) -> T:
        """Raises TimeoutError, which is an OSError; the call goes on in its thread, and its result is dropped."""
        if self._overdue:
            raise self._error()
        future: futures.Future[T] = futures.Future()
        threading.Thread(target=_run, args=(function, future), daemon=True).start()
        done, _ = futures.wait([future], self._seconds)
        if not done:
            self._overdue.add(future)  # type: ignore[arg-type]
            future.add_done_callback(self._overdue.discard)  # type: ignore[arg-type]
            raise self._error()
        return future.result()

    def _error(self) -> TimeoutError:
        return TimeoutError(f"{self._subject} did not answer within {self._seconds:g} s.")


def _run(function: Callable[[], T], future: futures.Future[T]) -> None:
    try:
        future.set_result(function())
    except BaseException as error:  # noqa: BLE001 - the caller gets it
        future.set_exception(error)
