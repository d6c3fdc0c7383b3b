"""The service's side of recording: each worker writes a line for each answered photo, and hands photos to a process that measures them.

`record` only appends to a list. A thread looks at the list every `TICK_S`, computes digests and writes all lines with one call; so a killed
process loses what came since. Measuring costs as much time as half an answer, so it happens in another process of low priority
(`measuring_process`), which gets all photos while it keeps up and a uniform sample when it does not, or when answers need the processors.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import random
import secrets
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from flowers_tfx.monitoring.answered_photo import AnsweredPhoto
from flowers_tfx.monitoring.folder_limit import remove_oldest
from flowers_tfx.monitoring.journal import Journal, JournalTaken
from flowers_tfx.monitoring.measuring import Measuring
from flowers_tfx.monitoring.photo_sample import MOST_PHOTOS, PhotoSample, PhotoToMeasure
from flowers_tfx.monitoring.record_settings import RecordCounters, RecordSettings
from flowers_tfx.monitoring.segments import ANSWERS, open_name, segment_name

TICK_S = 0.2
_MOST_WAITING_BYTES = 64_000_000  # photos that were answered since the last tick
_EARLY_BYTES = 8_000_000  # so many end the tick early
_MOST_WAITING_SEGMENTS = 8  # so many wait for their Parquet files: then only those that are full are closed
_MOST_WHEN_BUSY = 4  # photos that are measured of a tick: twenty a second take a fiftieth of a processor
_LOG_EVERY_S = 60.0
_log = logging.getLogger(__name__)


class Recorder:
    """Records what one process answers. Call `start` once its threads may run, and `stop` at the end; `record` never fails and never
    waits for a disk. While `is_busy()`, when answers need all processors, few photos are measured."""

    def __init__(self, settings: RecordSettings, counters: RecordCounters, is_busy: Callable[[], bool]) -> None:
        self._settings, self._counters, self._is_busy = settings, counters, is_busy
        self._folder, self._writer = Path(settings.folder), secrets.token_hex(4)
        self._waiting: deque[AnsweredPhoto] = deque()
        self._waiting_bytes = 0
        self._guard = threading.Lock()
        self._wake, self._stopped = threading.Event(), False
        self._sample = PhotoSample()
        self._measuring = Measuring(settings, counters)
        self._journal: Journal | None = None
        self._segment, self._start_ms, self._began = "", 0, 0.0
        self._last_log = -_LOG_EVERY_S
        self._thread = threading.Thread(target=self._work, name="records", daemon=True)

    def start(self) -> None:
        self._measuring.start()
        self._thread.start()

    def stop(self) -> None:
        """Writes what is left."""
        self._stopped = True
        self._wake.set()
        self._thread.join()

    def record(self, photos: Sequence[AnsweredPhoto]) -> None:
        """Any thread may call it."""
        size = sum(len(photo.photo) for photo in photos)
        with self._guard:
            is_full = self._waiting_bytes + size > _MOST_WAITING_BYTES
            if not is_full:
                self._waiting.extend(photos)
                self._waiting_bytes += size
        if is_full:
            self._counters.lost("backlog", len(photos))
        if self._waiting_bytes > _EARLY_BYTES:
            self._wake.set()

    def _work(self) -> None:
        while not self._stopped:
            self._wake.wait(TICK_S)
            self._wake.clear()
            self._try(self._tick)
        for step in (self._tick, self._close_segment, self._hand_over, self._measuring.stop):
            self._try(step)

    def _try(self, step: Callable[[], None]) -> None:
        """An error that nobody expected must not end the recording."""
        try:
            step()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next answers are to be recorded
            self._log(f"An error in the recording of answers in {self._folder}.", error)
            self._counters.failed()

    def _tick(self) -> None:
        photos = self._take_waiting()
        try:
            if photos:
                self._record(photos)
        except Exception:
            self._counters.lost("error", len(photos))
            raise
        if self._journal is not None and self._is_due(self._journal):
            self._close_segment()
        if self._measuring.is_idle and (len(self._sample) or self._measuring.waiting_segments):
            self._hand_over()

    def _record(self, photos: Sequence[AnsweredPhoto]) -> None:
        if self._open_bytes() > self._settings.open_bytes:
            self._counters.lost("backlog", len(photos))
            self._log(f"Answers are not recorded in {self._folder}: the process that closes its files does not keep up.")
            return
        try:
            self._write(photos)
        except OSError as error:
            self._counters.lost("disk", len(photos))
            self._log(f"Answers are not recorded in {self._folder}: {error.strerror or error}.")

    def _hand_over(self) -> None:
        offered = self._sample.offered
        batch = self._sample.take(_MOST_WHEN_BUSY if self._is_busy() else MOST_PHOTOS)
        if offered > len(batch.photos):
            self._counters.measured("left out", offered - len(batch.photos))
        self._measuring.hand_over(batch)

    def _take_waiting(self) -> list[AnsweredPhoto]:
        with self._guard:
            photos = list(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
        return photos

    def _write(self, photos: Sequence[AnsweredPhoto]) -> None:
        """Raises OSError."""
        digests = [hashlib.sha256(photo.photo).hexdigest() for photo in photos]
        if shutil.disk_usage(self._folder).free < self._settings.min_free_bytes:
            raise OSError("the disk is almost full")
        if self._journal is None:
            self._journal = self._open_journal(photos[0].time_us // 1000)
        self._journal.append(b"".join(photo.line(digest) for photo, digest in zip(photos, digests, strict=True)))
        self._counters.recorded(len(photos))
        for photo, digest in zip(photos, digests, strict=True):
            self._sample.offer(
                PhotoToMeasure(
                    -random.random(),
                    photo.request,
                    photo.number,
                    self._segment,
                    digest,
                    photo.photo,
                    photo.network,
                    photo.answer.features,
                )
            )

    def _open_journal(self, start_ms: int) -> Journal:
        while True:
            # Two segments of a writer never have the same name.
            self._start_ms = max(start_ms, self._start_ms + 1)
            self._segment, self._began = segment_name(self._start_ms, self._writer), time.monotonic()
            with contextlib.suppress(JournalTaken):
                return Journal(self._folder / open_name(self._segment, ANSWERS), new=True)

    def _is_due(self, journal: Journal) -> bool:
        if journal.bytes + self._measuring.bytes_of(self._segment) >= self._settings.file_bytes:
            return True
        is_old = time.monotonic() - self._began >= self._settings.file_s
        return is_old and self._measuring.waiting_segments < _MOST_WAITING_SEGMENTS

    def _open_bytes(self) -> int:
        """Of this process's files that are not closed yet."""
        own = 0 if self._journal is None else self._journal.bytes + self._measuring.bytes_of(self._segment)
        return own + self._measuring.waiting_bytes

    def _close_segment(self) -> None:
        """The other process makes its Parquet file, after it has measured the photos of this segment that wait."""
        if self._journal is None:
            return
        is_behind = self._measuring.waiting_segments > 0
        self._measuring.close_segment(self._segment, self._journal)
        self._journal = None
        if is_behind:  # the other process, which does so after each file, may not run for a long time
            remove_oldest(self._folder, self._settings.max_bytes)

    def _log(self, sentence: str, error: Exception | None = None) -> None:
        if time.monotonic() - self._last_log >= _LOG_EVERY_S:
            self._last_log = time.monotonic()
            _log.error(sentence, exc_info=error)


def prepare_folder(folder: str) -> None:
    """Makes the folder, for its owner alone, and tries to write to it. Raises OSError."""
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    probe = path / f".probe-{os.getpid()}"
    try:
        Journal(probe, new=False).close()
    finally:
        probe.unlink(missing_ok=True)
