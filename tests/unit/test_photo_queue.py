"""The queue in front of the model: bounded, in batches when many wait, and nothing that a photo does stops it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from flowers_tfx.data.pictures import BadPicture
from flowers_tfx.inference.answer import Answer
from flowers_tfx.serving.metrics import Metrics
from flowers_tfx.serving.photo_queue import LARGEST_BATCH, ModelFailure, PhotoQueue
from flowers_tfx.serving.requests import RequestError

LABELS = ("daisy", "roses")


class Version:
    """A version whose engine calls `prepare` for each photo."""

    version, labels = "1", LABELS

    def __init__(self, prepare: Callable[[bytes], Any] = lambda photo: photo) -> None:
        self.engine = self
        self.prepare = prepare

    def answer_picture(self, picture: bytes) -> Answer:
        return Answer(np.array([len(picture), 0], np.float32))


def run(check: Callable[[PhotoQueue], Any], threads: int = 2, capacity: int = 100, metrics: Metrics | None = None) -> None:
    async def inside() -> None:
        queue = PhotoQueue(threads, capacity, metrics or Metrics())
        queue.start()
        try:
            await asyncio.wait_for(check(queue), 20)
        finally:
            queue.stop()

    asyncio.run(inside())


async def results(futures: Any) -> list[Any]:
    return [outcome.probabilities[0] if isinstance(outcome, Answer) else outcome for outcome in await asyncio.gather(*futures)]


def test_each_photo_gets_its_own_answer() -> None:
    async def check(queue: PhotoQueue) -> None:
        photos = [b"x" * number for number in range(50)]
        assert await results(queue.put(Version(), photos)) == list(range(50))  # type: ignore[arg-type]

    run(check)


def test_what_a_photo_raises_is_its_outcome_and_the_others_are_answered() -> None:
    def prepare(photo: bytes) -> bytes:
        if photo == b"bad":
            raise BadPicture("broken")
        if photo == b"bug":
            raise ZeroDivisionError("a bug")
        return photo

    async def check(queue: PhotoQueue) -> None:
        bad, bug, good = await results(queue.put(Version(prepare), [b"bad", b"bug", b"good"]))  # type: ignore[arg-type]
        assert (str(bad), str(bug), good) == ("broken", "a bug", 4)
        assert await results(queue.put(Version(prepare), [b"1"])) == [1]  # type: ignore[arg-type]

    run(check, threads=1)


def test_the_queue_is_bounded_and_takes_a_request_whole_or_not_at_all() -> None:
    blocked, taken = threading.Event(), threading.Event()

    def prepare(photo: bytes) -> bytes:
        taken.set()
        blocked.wait()
        return photo

    async def check(queue: PhotoQueue) -> None:
        version: Any = Version(prepare)
        first = queue.put(version, [b"1"])
        await asyncio.to_thread(taken.wait)  # it is no longer in the queue
        waiting = queue.put(version, [b"22", b"333"])
        with pytest.raises(RequestError, match="2 photos wait already") as busy:
            queue.put(version, [b"4444", b"55555"])
        assert (busy.value.status, busy.value.headers) == (429, {"Retry-After": "1"})
        assert len(queue) == 2
        more = queue.put(version, [b"4444"])
        blocked.set()
        assert await results([*first, *waiting, *more]) == [1, 2, 3, 4]
        with pytest.raises(RequestError, match="at most 3 are taken at once") as large:
            queue.put(version, [b"x"] * 4)
        assert large.value.status == 413

    run(check, threads=1, capacity=3)


def test_batches_grow_with_the_queue() -> None:
    blocked = threading.Event()
    metrics = Metrics()

    def prepare(photo: bytes) -> bytes:
        blocked.wait()
        return photo

    async def check(queue: PhotoQueue) -> None:
        version: Any = Version(prepare)
        futures = queue.put(version, [b"1"])
        while len(queue):
            await asyncio.sleep(0.001)
        futures += queue.put(version, [b"1"] * (2 * LARGEST_BATCH))
        blocked.set()
        await asyncio.gather(*futures)
        text = metrics.text().decode()
        assert "flowers_batch_photos_count 3.0" in text  # one alone, then two of the largest
        assert f'flowers_batch_photos_bucket{{le="{LARGEST_BATCH - 1}.0"}} 1.0' in text
        assert "flowers_queue_photos 0.0" in text

    run(check, threads=1, metrics=metrics)


def test_photos_that_nobody_waits_for_are_not_decoded() -> None:
    blocked, decoded = threading.Event(), []

    def prepare(photo: bytes) -> bytes:
        decoded.append(photo)
        blocked.wait()
        return photo

    async def check(queue: PhotoQueue) -> None:
        version: Any = Version(prepare)
        first = queue.put(version, [b"first"])
        while len(queue):
            await asyncio.sleep(0.001)
        gone, last = queue.put(version, [b"gone"]), queue.put(version, [b"last"])
        gone[0].cancel()
        blocked.set()
        await asyncio.gather(*first, *last)
        assert decoded == [b"first", b"last"]

    run(check, threads=1)


def test_a_model_that_fails_is_told_from_a_photo_that_fails() -> None:
    class Broken(Version):
        def answer_picture(self, picture: bytes) -> Answer:
            raise RuntimeError("out of order")

    async def check(queue: PhotoQueue) -> None:
        (outcome,) = await results(queue.put(Broken(), [b"1"]))  # type: ignore[arg-type]
        assert isinstance(outcome, ModelFailure)
        assert str(outcome) == "RuntimeError: out of order"

    run(check)
