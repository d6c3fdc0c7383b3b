"""The shadow version: it is asked about the photos that another version answered, and only compared."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flowers_tfx.data.pictures import BadPicture
from flowers_tfx.inference.answer import Answer
from flowers_tfx.serving.loaded_version import LoadedVersion
from flowers_tfx.serving.version_states import VersionMetrics

_WAITING_PHOTOS = 16  # at most; they are kept in memory


@dataclass(frozen=True)
class _Job:
    """`shadow` is acquired. `probabilities`: of the answer, by class."""

    shadow: LoadedVersion
    photo: bytes
    probabilities: Mapping[str, float]


class Shadow:
    """Asks in one thread. While `is_busy()`, or when it is too slow, photos are skipped. `take_out` gets a version that fails and the
    reason."""

    def __init__(self, metrics: VersionMetrics, is_busy: Callable[[], bool], take_out: Callable[[str, str], None]) -> None:
        self._metrics, self._is_busy, self._take_out = metrics, is_busy, take_out
        self._jobs: queue.Queue[_Job | None] = queue.Queue(_WAITING_PHOTOS)
        self._thread = threading.Thread(target=self._work, name="shadow", daemon=True)
        self._thread.start()

    def ask(self, shadow: LoadedVersion, labels: Sequence[str], photos: Sequence[bytes], answers: Sequence[Answer | BadPicture]) -> None:
        """Returns at once. `labels`: of the answers; a photo that could not be read is left out. Gives `shadow` back."""
        with shadow:
            for photo, answer in zip(photos, answers, strict=True):
                if isinstance(answer, Answer):
                    self._put(_Job(shadow.acquire(), photo, _by_class(labels, answer)))

    def stop(self) -> None:
        """Photos that wait are skipped."""
        self._is_busy = lambda: True
        self._jobs.put(None)
        self._thread.join()

    def _put(self, job: _Job) -> None:
        try:
            if self._is_busy():
                raise queue.Full
            self._jobs.put_nowait(job)
        except queue.Full:
            self._skip(job)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if self._is_busy():
                self._skip(job)
            else:
                with job.shadow:
                    self._compare(job)

    def _compare(self, job: _Job) -> None:
        version = job.shadow.version
        try:
            answer = job.shadow.engine.answer_picture(job.shadow.engine.prepare(job.photo))
        except Exception as error:  # noqa: BLE001 - whatever a model does, the thread lives on
            self._take_out(version, f"It failed as the shadow: {type(error).__name__}: {error}.")
            return
        if not answer.is_finite:
            self._take_out(version, "Its answer as the shadow was not finite.")
            return
        mine = _by_class(job.shadow.labels, answer)
        classes = mine.keys() | job.probabilities.keys()
        difference = max(abs(mine.get(name, 0.0) - job.probabilities.get(name, 0.0)) for name in classes)
        self._metrics.shadow_compared(version, _label(mine) == _label(job.probabilities), difference)

    def _skip(self, job: _Job) -> None:
        self._metrics.shadow_skipped(job.shadow.version, 1)
        job.shadow.release()


def _by_class(labels: Sequence[str], answer: Answer) -> dict[str, float]:
    return dict(zip(labels, map(float, answer.probabilities), strict=True))


def _label(probabilities: Mapping[str, float]) -> str:
    return max(probabilities, key=lambda name: probabilities[name])
