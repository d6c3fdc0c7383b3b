"""What every protocol calls: photos in, answers out, of the version that is to answer."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flowers_tfx.data.pictures import BadPicture
from flowers_tfx.errors import InputError
from flowers_tfx.inference.answer import Answer
from flowers_tfx.monitoring.answered_photo import AnsweredPhoto
from flowers_tfx.monitoring.recorder import Recorder
from flowers_tfx.serving.loaded_version import LoadedVersion
from flowers_tfx.serving.metrics import Metrics
from flowers_tfx.serving.photo_queue import ModelFailure, Outcome, PhotoQueue
from flowers_tfx.serving.requests import RequestError, bad_photo, out_of_memory, unavailable
from flowers_tfx.serving.versions import VersionManager


@dataclass(frozen=True)
class Reply:
    """The answers to the photos of one request, in order, a BadPicture for each that cannot be read; `id`: of the request."""

    id: str
    version: LoadedVersion
    answers: tuple[Answer | BadPicture, ...]

    def whole(self) -> tuple[Answer, ...]:
        """Raises RequestError for the first photo that cannot be read: protocols of tensors have no place for half an answer."""
        for number, answer in enumerate(self.answers):
            if isinstance(answer, BadPicture):
                raise bad_photo(answer, "The photo" if len(self.answers) == 1 else f"Photo {number}")
        return tuple(answer for answer in self.answers if not isinstance(answer, BadPicture))


class Service:
    """`seconds`: how long an answer may take; `recorder`: None if answers are not recorded."""

    def __init__(
        self, versions: VersionManager, queue: PhotoQueue, metrics: Metrics, seconds: float, recorder: Recorder | None = None
    ) -> None:
        self.versions, self.queue, self.metrics, self.recorder = versions, queue, metrics, recorder
        self._seconds = seconds

    async def answer(self, photos: Sequence[bytes], version: int | None = None, client: str = "") -> Reply:
        """`client`: the tag of who asks, for the records.

        Raises RequestError: 404 for a version that is not loaded, 429 while too many photos wait, 503 without a model or in time, 500 for a
        model that fails.
        """
        request = uuid.uuid4().hex
        with self.lease(request, version) as loaded:
            answers = await self.answers_of(loaded, photos)
            self._count(loaded, answers)
        if self.recorder:
            self.recorder.record(list(_answered_photos(request, loaded, client, photos, answers)))
        if version is None:
            self.versions.ask_shadow(loaded, photos, answers)
        return Reply(request, loaded, answers)

    @contextlib.contextmanager
    def use_version(self, version: int | None) -> Iterator[LoadedVersion]:
        """This version, or the one that serves whatever share a canary has. Raises RequestError if it does not answer."""
        serving = self.versions.serving
        if version is None and not serving:
            raise unavailable(InputError("No version of the model can answer.", "Try again later."))
        with self.lease("", int(serving) if version is None else version) as loaded:
            yield loaded

    async def answers_of(self, loaded: LoadedVersion, photos: Sequence[bytes]) -> tuple[Answer | BadPicture, ...]:
        """Of a version that the caller holds; they are not counted. Raises RequestError as `answer`."""
        outcomes = await self._ask(loaded, photos)
        return tuple(self._checked(outcome, loaded) for outcome in outcomes)

    @contextlib.contextmanager
    def lease(self, request: str, version: int | None) -> Iterator[LoadedVersion]:
        """The version that is to answer the request with this id, until the end of the block. Raises RequestError."""
        try:
            lease = self.versions.choose(request) if version is None else self.versions.get(version)
        except InputError as error:
            raise unavailable(error) if version is None else RequestError(404, error.message, error.hint) from None
        with lease as loaded:
            yield loaded

    async def _ask(self, loaded: LoadedVersion, photos: Sequence[bytes]) -> list[Outcome]:
        futures = self.queue.put(loaded, photos)
        try:
            return await asyncio.wait_for(asyncio.gather(*futures), self._seconds)
        except asyncio.TimeoutError:
            raise RequestError(503, f"There was no answer within {self._seconds:g} s.", "Try again later.", {"Retry-After": "5"}) from None

    def _checked(self, outcome: Outcome, loaded: LoadedVersion) -> Answer | BadPicture:
        """Raises RequestError for a model that failed, which is taken out of service, and for too little memory."""
        match outcome:
            case BadPicture():
                return outcome
            case Answer() if outcome.is_finite:
                return outcome
            case Answer() | ModelFailure():
                reason = str(outcome) if isinstance(outcome, ModelFailure) else "its answer is not finite"
                raise self.failure_of(loaded, reason)
            case MemoryError():
                raise out_of_memory()
            case _:
                raise outcome

    def failure_of(self, loaded: LoadedVersion, reason: str) -> RequestError:
        """Takes a version out of service whose network failed."""
        self.metrics.model_errors.labels(loaded.version).inc()
        self.versions.take_out(loaded.version, reason)
        return RequestError(500, f"Version {loaded.version} of the model failed and was taken out of service: {reason}.", "Try again.")

    def _count(self, loaded: LoadedVersion, answers: Sequence[Answer | BadPicture]) -> None:
        for answer in answers:
            if isinstance(answer, BadPicture):
                self.metrics.refused_photos.labels(bad_photo(answer).status).inc()
            else:
                known = "true" if answer.known else "false"
                self.metrics.answers.labels(loaded.version, label_of(loaded, answer), known, answer.why or "").inc()


def _answered_photos(
    request: str, loaded: LoadedVersion, client: str, photos: Sequence[bytes], answers: Sequence[Answer | BadPicture]
) -> Iterator[AnsweredPhoto]:
    now = time.time_ns() // 1000
    for number, (photo, answer) in enumerate(zip(photos, answers, strict=True)):
        if isinstance(answer, Answer):
            facts = loaded.facts
            yield AnsweredPhoto(request, number, now, loaded.number, facts.network, client, facts.labels, photo, answer)


def label_of(loaded: LoadedVersion, answer: Answer) -> str:
    return loaded.labels[int(answer.probabilities.argmax())]


def answer_json(loaded: LoadedVersion, answer: Answer) -> dict[str, Any]:
    """The fields of `POST /predict` that say what is on the photo."""
    probabilities = {label: round(float(p), 6) for label, p in zip(loaded.labels, answer.probabilities, strict=True)}
    label = label_of(loaded, answer)
    return {
        "label": label,
        "probability": probabilities[label],
        "probabilities": probabilities,
        "known": answer.known,
        "why": answer.why,
        "score": answer.score,
        "model_version": loaded.version,
    }
