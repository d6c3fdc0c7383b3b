"""Work on many items in several threads, for functions that release Python's lock most of the time: decoding, NumPy, LiteRT, reading."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_PENDING_PER_THREAD = 4


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """The results in the order of the items, computed by a thread per processor. Items are read only a few ahead of the results, so a long
    sequence needs no memory; an exception of the function is raised in its item's turn."""
    remaining = iter(items)
    first = list(islice(remaining, 2))
    if len(first) < 2:  # nothing to do at the same time: not worth a thread
        yield from map(function, first)
        return
    threads = processors()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="map")
    pending: deque[Future[Result]] = deque()
    try:
        for item in chain(first, remaining):
            pending.append(pool.submit(function, item))
            if len(pending) >= threads * _PENDING_PER_THREAD:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
