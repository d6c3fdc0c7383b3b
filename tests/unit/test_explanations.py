"""Explanations beside the predictions: few at a time, stopped when nobody waits, and what happens to a model that fails meanwhile."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flowers_tfx.data.network_picture import prepare_picture
from flowers_tfx.data.pictures import open_picture
from flowers_tfx.explain.explanation import Explanation, Quality, Region
from flowers_tfx.explain.model_function import Answers, Pictures
from flowers_tfx.inference.answer import Answer, answer_of
from flowers_tfx.serving import explained_photo
from flowers_tfx.serving.explain_request import Wish
from flowers_tfx.serving.explanations import LARGEST_REQUEST, Explanations
from flowers_tfx.serving.interruptible_model import InterruptibleModel, Job, Stopped
from flowers_tfx.serving.loaded_version import LoadedVersion, VersionFacts
from flowers_tfx.serving.metrics import Metrics
from flowers_tfx.serving.photo_queue import PhotoQueue
from flowers_tfx.serving.requests import RequestError
from flowers_tfx.serving.service import Service
from tests.conftest import small_photo

LABELS = ("daisy", "roses", "tulips")
PHOTO = small_photo(1)
WISH = Wish(None, "none")


class Engine:
    """A network that answers the same to everything, or does what `fail` does when `failing`."""

    labels = LABELS

    def __init__(self) -> None:
        self.failing = False
        self.fail: Callable[[], Any] = lambda: None
        self.runs = 0

    def prepare(self, photo: bytes) -> Pictures:
        return prepare_picture(open_picture(photo, 10_000_000), 8)

    def run(self, picture: Pictures) -> dict[str, Any]:
        self.runs += 1
        probabilities = self.fail() if self.failing else None
        return {"probabilities": np.array([0.25, 0.5, 0.25], np.float32) if probabilities is None else probabilities}

    def answer_picture(self, picture: Pictures) -> Answer:
        return answer_of(self.run(picture))


class OneVersion:
    serving = "7"

    def __init__(self, engine: Engine) -> None:
        self.taken_out: list[str] = []
        self.freed = threading.Event()
        facts = VersionFacts("7", Path("/none"), LABELS, "", "")  # type: ignore[arg-type]
        self.loaded = LoadedVersion(facts, engine, lambda _: self.freed.set())  # type: ignore[arg-type]

    def choose(self, request: str) -> LoadedVersion:
        return self.loaded.acquire()

    def ask_shadow(self, *_: object) -> None: ...

    def take_out(self, version: str, reason: str) -> None:
        self.taken_out.append(reason)


def explanation(*reasons: str) -> Explanation:
    evidence = np.ones((8, 8), np.float32)
    quality = Quality(0.25, 0.75, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, reasons=reasons)
    return Explanation(1, "rise", evidence, (Region((0.0, 0.0, 1.0, 1.0), 1.0),), quality, 0, evidence, 0.5)


class SlowExplanation:
    """Asks the model until `enough` is set."""

    def __init__(self) -> None:
        self.enough, self.begun, self.ended = threading.Event(), threading.Event(), threading.Event()
        self.at_once, self.most_at_once, self.number = 0, 0, 0
        self.priority = 0

    def __call__(self, picture: Pictures, answers: Answers, method: str, gradients: None, target: int | None) -> Explanation:
        self.at_once += 1
        self.number += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        self.priority = os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) if sys.platform == "linux" else 0
        self.begun.set()
        try:
            while not self.enough.wait(0.001):
                answers([picture])
        finally:
            self.at_once -= 1
            self.ended.set()
        return explanation()


class Bench:
    """An `Explanations` with all that it needs."""

    def __init__(self, threads: int, seconds: float) -> None:
        self.engine = Engine()
        self.versions = OneVersion(self.engine)
        self.metrics = Metrics()
        self.queue = PhotoQueue(1, 10, self.metrics)
        self.service = Service(self.versions, self.queue, self.metrics, 10)  # type: ignore[arg-type]
        self.explanations = Explanations(self.service, threads, seconds)

    def counted(self, line: str) -> bool:
        return line in self.metrics.text().decode()

    async def ask(self, photos: int = 1, leaves: float = 60, wish: Wish = WISH) -> list[dict[str, Any]]:
        """`leaves`: after so many seconds the client has gone."""
        return list((await self.explanations.answer([PHOTO] * photos, wish, None, asyncio.sleep(leaves))).rows)


def run(check: Callable[[Bench], Any], threads: int = 1, seconds: float = 30) -> None:
    async def inside() -> None:
        bench = Bench(threads, seconds)
        bench.queue.start()
        bench.explanations.start()
        try:
            await asyncio.wait_for(check(bench), 20)
        finally:
            bench.explanations.stop()
            bench.queue.stop()

    asyncio.run(inside())


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowExplanation]:
    explain = SlowExplanation()
    monkeypatch.setattr(explained_photo, "explain_picture", explain)
    yield explain
    explain.enough.set()


async def until(event: threading.Event) -> None:
    assert await asyncio.get_running_loop().run_in_executor(None, event.wait, 10)


@contextmanager
def refused(status: int, sentence: str = "") -> Iterator[None]:
    with pytest.raises(RequestError) as refusal:
        yield
    assert refusal.value.status == status
    assert sentence in refusal.value.sentence


def test_one_at_a_time_a_few_wait_and_the_rest_is_refused(slow: SlowExplanation) -> None:
    async def check(bench: Bench) -> None:
        asked = [asyncio.ensure_future(bench.ask()) for _ in range(5)]
        await until(slow.begun)
        with pytest.raises(RequestError) as refusal:
            await bench.ask()
        assert refusal.value.status == 429
        assert int(refusal.value.headers["Retry-After"]) >= 1
        assert bench.counted("flowers_open_explanations 5.0")
        slow.enough.set()
        assert [rows[0]["label"] for rows in await asyncio.gather(*asked)] == ["roses"] * 5
        assert (slow.most_at_once, slow.number) == (1, 5)
        assert bench.counted("flowers_open_explanations 0.0")
        assert bench.counted('flowers_unfinished_explanations_total{reason="refused"} 1.0')
        assert bench.counted('flowers_explanations_total{known="true",trustworthy="true",version="7"} 5.0')

    run(check)


def test_predictions_are_answered_meanwhile(slow: SlowExplanation) -> None:
    async def check(bench: Bench) -> None:
        asked = asyncio.ensure_future(bench.ask())
        await until(slow.begun)
        for _ in range(20):
            assert (await bench.service.answer([PHOTO])).whole()[0].probabilities[1] == 0.5
        assert not asked.done()
        slow.enough.set()
        await asked

    run(check)


def test_a_client_that_leaves_stops_the_work(slow: SlowExplanation) -> None:
    async def check(bench: Bench) -> None:
        with refused(499):
            await bench.ask(leaves=0.1)
        await until(slow.ended)
        runs = bench.engine.runs
        await asyncio.sleep(0.05)
        assert bench.engine.runs == runs
        assert bench.counted("flowers_open_explanations 0.0")
        assert bench.counted('flowers_unfinished_explanations_total{reason="client left"} 1.0')

    run(check)


def test_who_leaves_while_waiting_is_never_explained(slow: SlowExplanation) -> None:
    async def check(bench: Bench) -> None:
        first = asyncio.ensure_future(bench.ask())
        await until(slow.begun)
        with refused(499):
            await bench.ask(leaves=0.05)
        slow.enough.set()
        await first
        await bench.ask()
        assert slow.number == 2

    run(check)


def test_time_that_is_over_is_503_and_stops_the_work(slow: SlowExplanation) -> None:
    async def check(bench: Bench) -> None:
        with refused(503, "within 1 s"):
            await bench.ask()
        await until(slow.ended)
        slow.enough.set()
        assert len(await bench.ask()) == 1
        assert bench.counted('flowers_unfinished_explanations_total{reason="late"} 1.0')

    run(check, seconds=1)  # on a busy machine, what is done at once takes a part of it


def test_the_end_of_the_service_stops_the_work(slow: SlowExplanation) -> None:
    async def check(bench: Bench) -> None:
        asked = asyncio.ensure_future(bench.ask())
        await until(slow.begun)
        bench.explanations.stop()
        assert slow.ended.is_set()
        with refused(503):
            await asked

    run(check)


def test_it_has_a_lower_priority_than_the_rest(slow: SlowExplanation) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux has priorities of threads")
    slow.enough.set()

    async def check(bench: Bench) -> None:
        own = os.getpriority(os.PRIO_PROCESS, 0)
        await bench.ask()
        assert slow.priority == min(own + 10, 19)
        assert os.getpriority(os.PRIO_PROCESS, 0) == own

    run(check)


@pytest.mark.parametrize(
    ("photos", "threads", "status", "sentence"),
    [(1, 0, 404, "switched off"), (LARGEST_REQUEST + 1, 2, 413, f"at most {LARGEST_REQUEST}")],
)
def test_what_is_not_explained(slow: SlowExplanation, photos: int, threads: int, status: int, sentence: str) -> None:
    async def check(bench: Bench) -> None:
        with refused(status, sentence):
            await bench.ask(photos)
        assert bench.engine.runs == 0

    run(check, threads=threads)


def test_several_photos_are_explained_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([explanation("It is no better than chance."), explanation(), explanation()])
    monkeypatch.setattr(explained_photo, "explain_picture", lambda *_: next(answers))

    async def check(bench: Bench) -> None:
        rows = await bench.ask(3)
        assert [row["trustworthy"] for row in rows] == [False, True, True]
        assert rows[0]["reasons"] == ["It is no better than chance."]
        assert bench.counted('trustworthy="false",version="7"} 1.0')

    run(check)


def test_a_class_of_another_model_is_refused(slow: SlowExplanation) -> None:
    async def check(bench: Bench) -> None:
        with refused(400, "The classes are daisy, roses, tulips."):
            await bench.ask(wish=Wish("violets", "none"))
        assert not slow.begun.is_set()

    run(check)


def breaks() -> None:
    raise RuntimeError("the interpreter is out of order")


@pytest.mark.parametrize(
    ("fail", "reason"), [(breaks, "the interpreter is out of order"), (lambda: np.full(3, np.nan, np.float32), "not finite")]
)
def test_a_model_that_fails_meanwhile_is_taken_out(slow: SlowExplanation, fail: Callable[[], Any], reason: str) -> None:
    async def check(bench: Bench) -> None:
        bench.engine.fail = fail
        asked = asyncio.ensure_future(bench.ask())
        await until(slow.begun)
        bench.engine.failing = True
        with refused(500, reason):
            await asked
        assert len(bench.versions.taken_out) == 1 and reason in bench.versions.taken_out[0]
        assert bench.counted('flowers_model_errors_total{version="7"} 1.0')
        assert bench.counted('flowers_unfinished_explanations_total{reason="failed"} 1.0')

    run(check)


@pytest.mark.parametrize(("error", "raised"), [(ZeroDivisionError, ZeroDivisionError), (MemoryError, RequestError)])
def test_what_is_no_fault_of_the_model_leaves_it_in_service(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception], raised: type[Exception]
) -> None:
    def fail(*_: object) -> Explanation:
        raise error

    monkeypatch.setattr(explained_photo, "explain_picture", fail)

    async def check(bench: Bench) -> None:
        with pytest.raises(raised):
            await bench.ask()
        assert bench.versions.taken_out == []
        assert bench.counted("flowers_open_explanations 0.0")

    run(check)


def test_a_version_that_is_replaced_meanwhile_is_kept_until_the_explanation_is_there(slow: SlowExplanation) -> None:
    async def check(bench: Bench) -> None:
        asked = asyncio.ensure_future(bench.ask())
        await until(slow.begun)
        bench.versions.loaded.retire()
        assert not bench.versions.freed.is_set()
        slow.enough.set()
        assert (await asked)[0]["label"] == "roses"
        assert bench.versions.freed.is_set()

    run(check)


def test_it_pauses_while_photos_wait_but_not_for_ever() -> None:
    busy = threading.Event()
    busy.set()
    job = Job(30, busy.is_set)
    started = time.monotonic()
    job.let_others_go_first()
    assert 0.005 < time.monotonic() - started < 60
    busy.clear()
    started = time.monotonic()
    for _ in range(1000):
        job.let_others_go_first()
    assert time.monotonic() - started < 60
    job.end()
    with pytest.raises(Stopped):
        job.let_others_go_first()


def test_the_model_answers_picture_by_picture_in_order() -> None:
    model = InterruptibleModel(lambda picture: {"probabilities": picture[0, 0].astype(np.float32)}, Job(30, lambda: False))
    pictures = np.arange(5 * 8 * 8 * 3, dtype=np.uint8).reshape(5, 8, 8, 3)
    assert model(pictures)["probabilities"].tolist() == pictures[:, 0, 0].tolist()
