"""Photos on their way through the model: a bounded queue that a few threads take small batches from.

A thread takes one photo when few wait and more when many do, so that nothing waits for a batch to fill and a busy server spends less on
handing over. The network itself runs picture by picture: on a processor that costs the least time per picture (docs/adr/0019).
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flowers_tfx.data.pictures import BadPicture
from flowers_tfx.inference.answer import Answer
from flowers_tfx.serving.loaded_version import LoadedVersion
from flowers_tfx.serving.metrics import Metrics
from flowers_tfx.serving.requests import RequestError, busy

LARGEST_BATCH = 8  # photos; the first answer of a batch waits for its last


class ModelFailure(Exception):
    """The network failed on a picture that it was given; the cause is chained."""


Outcome = Answer | BadPicture | ModelFailure | Exception


@dataclass
class _Job:
    photo: bytes
    version: LoadedVersion
    future: asyncio.Future[Outcome]
    since: float
    outcome: Outcome | None = None


class PhotoQueue:
    """`capacity`: photos that wait at most. Call `start` inside the event loop that awaits the answers."""

    def __init__(self, threads: int, capacity: int, metrics: Metrics) -> None:
        self._threads_number, self._capacity, self._metrics = threads, capacity, metrics
        self._jobs: deque[_Job] = deque()
        self._taken = 0  # photos that threads are at
        self._changed = threading.Condition()
        self._stopped = False
        self._threads: list[threading.Thread] = []
        self._loop: asyncio.AbstractEventLoop  # from `start` on

    @property
    def capacity(self) -> int:
        return self._capacity

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def is_busy(self) -> bool:
        """Whether there are more photos than threads."""
        return len(self._jobs) + self._taken > self._threads_number

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._metrics.watch_queue(self)
        for number in range(self._threads_number):
            thread = threading.Thread(target=self._work, name=f"photos-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Waits for the photos that were taken; the rest of the queue is answered too."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def put(self, version: LoadedVersion, photos: Sequence[bytes]) -> list[asyncio.Future[Outcome]]:
        """All of the photos or none: 413 for more than the queue takes at all, 429 while it has no room for them."""
        if len(photos) > self._capacity:
            raise RequestError(413, f"The request has {len(photos)} photos; at most {self._capacity} are taken at once.", "Split it.")
        now = time.perf_counter()
        jobs = [_Job(photo, version, self._loop.create_future(), now) for photo in photos]
        with self._changed:
            if len(self._jobs) + len(jobs) > self._capacity:
                raise busy(f"{len(self._jobs)} photos wait already.")
            self._jobs.extend(jobs)
            self._changed.notify(len(jobs))
            self._metrics.queue_changed(len(self._jobs))
        return [job.future for job in jobs]

    def _work(self) -> None:
        while batch := self._take():
            for job in batch:
                # Whoever asked may have gone.
                if not job.future.cancelled():
                    job.outcome = self._answer(job)
            self._call_in_loop(lambda batch=batch: _resolve(batch))  # type: ignore[misc]
            with self._changed:
                self._taken -= len(batch)

    def _take(self) -> list[_Job]:
        """The next batch; empty when the queue was stopped."""
        with self._changed:
            while not self._jobs and not self._stopped:
                self._changed.wait()
            number = min(LARGEST_BATCH, -(-len(self._jobs) // self._threads_number))
            batch = [self._jobs.popleft() for _ in range(number)]
            self._taken += number
            self._metrics.queue_changed(len(self._jobs))
        if batch:
            self._metrics.batch.observe(len(batch))
        return batch

    def _answer(self, job: _Job) -> Outcome:
        started = time.perf_counter()
        self._metrics.queue_seconds.observe(started - job.since)
        try:
            engine = job.version.engine
            picture = engine.prepare(job.photo)
            decoded = time.perf_counter()
            self._metrics.decode_seconds.observe(decoded - started)
        except Exception as error:  # noqa: BLE001 - whatever a photo does, the thread lives on and the request hears of it
            return error  # most often a BadPicture
        try:
            answer = engine.answer_picture(picture)
        except Exception as error:  # noqa: BLE001 - the same for a model
            return ModelFailure(f"{type(error).__name__}: {error}")
        self._metrics.network_seconds.observe(time.perf_counter() - decoded)
        return answer

    def _call_in_loop(self, function: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            self._loop.call_soon_threadsafe(function)


def _resolve(batch: Sequence[_Job]) -> None:
    for job in batch:
        if job.outcome is not None and not job.future.done():
            job.future.set_result(job.outcome)
