"""Explanations of answers beside the predictions: few at a time, on threads of low priority, and none that nobody waits for.

An explanation asks the network thousands of times. So that this does not hold up predictions, its threads have a lower priority, and pause
before each picture while photos wait (`interruptible_model`).
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import sys
import threading
import time
import uuid
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from flowers_tfx.inference.answer import Answer
from flowers_tfx.serving.explain_request import Wish, find_label
from flowers_tfx.serving.explained_photo import Question, explain_photo
from flowers_tfx.serving.interruptible_model import InterruptibleModel, Job, Stopped
from flowers_tfx.serving.loaded_version import LoadedVersion
from flowers_tfx.serving.metrics import Unfinished
from flowers_tfx.serving.photo_queue import ModelFailure
from flowers_tfx.serving.requests import RequestError, busy, out_of_memory
from flowers_tfx.serving.service import Reply, Service

LARGEST_REQUEST = 4  # photos
_WAITING = 4  # photos that may wait for each that is being explained
_NICENESS = 10  # a tenth of the processor time of what else wants to run


@dataclass(frozen=True)
class Explained:
    """A row for each photo, in order."""

    rows: tuple[dict[str, Any], ...]
    version: LoadedVersion


class Explanations:
    """`threads`: photos that are explained at the same time, 0 for none; `seconds`: how long a request may take, its wait included."""

    def __init__(self, service: Service, threads: int, seconds: float) -> None:
        self._service, self._threads, self._seconds = service, threads, seconds
        self._metrics = service.metrics.explanations
        self._photos = 0  # that wait, or are being explained
        self._last_seconds = 1.0
        self._jobs: set[Job] = set()
        self._pool: ThreadPoolExecutor | None = None

    @property
    def are_on(self) -> bool:
        return self._threads > 0

    def start(self) -> None:
        if self.are_on:
            self._pool = ThreadPoolExecutor(self._threads, "explanations", initializer=_lower_priority)

    def stop(self) -> None:
        """Ends what is running: who still waits is not answered."""
        for job in self._jobs:
            job.end()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def check_room(self, photos: int = 1) -> None:
        """Raises RequestError: 404 if explanations are switched off, 413 for too many photos, 429 while too many wait."""
        if not self.are_on:
            raise RequestError(404, "Explanations are switched off.", "The operator switches them on with serving.explanations.")
        if photos > LARGEST_REQUEST:
            raise RequestError(413, f"The request has {photos} photos; at most {LARGEST_REQUEST} are explained at once.", "Split it.")
        if self._photos + photos > self._threads * (1 + _WAITING):
            self._metrics.unfinished("refused")
            seconds = math.ceil(self._last_seconds * max(1, self._photos / self._threads - 1))
            raise busy(f"{self._photos} photos wait for their explanation already.", seconds)

    async def answer(self, photos: Sequence[bytes], wish: Wish, version: int | None, client_leaves: Coroutine[Any, Any, None]) -> Explained:
        """Raises RequestError: as `check_room` and `Service.answer`; 400 for a class that the model does not have, 503 out of time, 499 for
        a client that has left, when `client_leaves` ends."""
        left = asyncio.ensure_future(client_leaves)
        try:
            with self._places(len(photos)) as job, self._service.lease(uuid.uuid4().hex, version) as loaded:
                target = find_label(wish, loaded.labels)
                answers = Reply("", loaded, await self._service.answers_of(loaded, photos)).whole()
                run = [self._run(job, loaded, photo, answer, target, wish) for photo, answer in zip(photos, answers, strict=True)]
                rows = await self._finish(job, asyncio.gather(*run), left, loaded)
                return Explained(tuple(rows), loaded)
        finally:
            left.cancel()

    @contextlib.contextmanager
    def _places(self, photos: int) -> Iterator[Job]:
        self.check_room(photos)
        job = Job(self._seconds, lambda: len(self._service.queue) > 0)
        self._photos += photos
        self._jobs.add(job)
        self._metrics.open.inc(photos)
        try:
            yield job
        finally:
            job.end()
            self._photos -= photos
            self._jobs.discard(job)
            self._metrics.open.dec(photos)

    async def _finish(
        self, job: Job, rows: asyncio.Future[list[dict[str, Any]]], left: asyncio.Future[None], loaded: LoadedVersion
    ) -> list[dict[str, Any]]:
        try:
            waiting: set[asyncio.Future[Any]] = {rows, left}
            await asyncio.wait(waiting, timeout=job.seconds_left, return_when=asyncio.FIRST_COMPLETED)
            if rows.done():
                return rows.result()
            if left.done():
                raise self._unfinished("client left", RequestError(499, "The client has left."))
            raise Stopped
        except Stopped:
            late = f"There was no explanation within {self._seconds:g} s."
            raise self._unfinished("late", RequestError(503, late, "Try again later.", {"Retry-After": "5"})) from None
        except ModelFailure as failure:
            raise self._unfinished("failed", self._service.failure_of(loaded, str(failure))) from None
        except MemoryError:
            raise self._unfinished("failed", out_of_memory()) from None
        finally:
            rows.add_done_callback(_forget)
            rows.cancel()

    def _unfinished(self, reason: Unfinished, error: RequestError) -> RequestError:
        self._metrics.unfinished(reason)
        return error

    def _run(
        self, job: Job, loaded: LoadedVersion, photo: bytes, answer: Answer, target: int | None, wish: Wish
    ) -> asyncio.Future[dict[str, Any]]:
        engine = loaded.engine

        def explain() -> dict[str, Any]:
            started = time.perf_counter()
            question = Question(photo, engine.prepare(photo), answer, target, wish.map)
            row = explain_photo(question, loaded.labels, InterruptibleModel(engine.run, job))
            self._last_seconds = time.perf_counter() - started
            flags = {name: bool(row[name]) for name in ("known", "trustworthy")}
            self._metrics.finished(loaded.version, **flags, seconds=self._last_seconds)
            return row

        return asyncio.get_running_loop().run_in_executor(self._pool, explain)


def _forget(rows: asyncio.Future[Any]) -> None:
    """asyncio would log an error that nobody looks at any more."""
    if not rows.cancelled():
        rows.exception()


def _lower_priority() -> None:
    """Of the calling thread: Linux has a priority for each."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # where a sandbox forbids it, pausing alone has to do
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
