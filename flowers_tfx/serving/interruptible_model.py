"""A model that explanations ask thousands of times, in a process that answers other requests meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import numpy as np

from flowers_tfx.litert import PROBABILITIES, Pictures, Vectors
from flowers_tfx.serving.photo_queue import ModelFailure

_LOOK_EVERY_S = 0.002
_LONGEST_PAUSE_S = 0.01  # before each picture: under full load an explanation still gets on, at a tenth of its speed


class Stopped(Exception):
    """Nobody waits for the explanation any more, or its time is over."""


class Job:
    """One request for explanations, on several threads at once. `is_busy`: whether predictions wait."""

    def __init__(self, seconds: float, is_busy: Callable[[], bool]) -> None:
        self._deadline = time.monotonic() + seconds
        self._is_busy = is_busy
        self._ended = threading.Event()

    @property
    def seconds_left(self) -> float:
        return max(0.0, self._deadline - time.monotonic())

    def end(self) -> None:
        """Its threads stop before their next picture."""
        self._ended.set()

    def let_others_go_first(self) -> None:
        """Called before each picture. Raises Stopped."""
        paused_until = time.monotonic() + _LONGEST_PAUSE_S
        while self._is_busy() and time.monotonic() < paused_until and not self._ended.is_set():
            time.sleep(_LOOK_EVERY_S)
        if self._ended.is_set() or not self.seconds_left:
            raise Stopped


class InterruptibleModel:
    """`Answers` of flowers_tfx.explain: picture by picture on the calling thread, so that other requests get their turn in between.

    `run`: all outputs for one picture. Raises Stopped, and ModelFailure for a network that fails or whose answer is not finite.
    """

    def __init__(self, run: Callable[[Pictures], Vectors], job: Job) -> None:
        self._run, self._job = run, job

    def __call__(self, pictures: Pictures | Sequence[Pictures]) -> Vectors:
        rows = [self._answer(picture) for picture in pictures]
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}

    def _answer(self, picture: Pictures) -> Vectors:
        self._job.let_others_go_first()
        try:
            vectors = self._run(picture)
        except Exception as error:
            raise ModelFailure(f"{type(error).__name__}: {error}") from error
        if not np.isfinite(vectors[PROBABILITIES]).all():
            raise ModelFailure("its answer is not finite")
        return vectors
