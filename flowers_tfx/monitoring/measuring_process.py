"""The process that measures photos for one process of the service: `python -m flowers_tfx.monitoring.measuring_process SETTINGS`.

It gets batches on its standard input and answers each with a line of JSON. It also makes the Parquet files of segments that were closed,
and of those that killed processes left, and keeps the folder within its limit. When its input ends it does what is left, and ends.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from flowers_tfx import features
from flowers_tfx.data.photo_batch import BATCH
from flowers_tfx.data.pictures import BadPicture
from flowers_tfx.data.pixel_sample import PixelSample, sample_pixels
from flowers_tfx.data.properties import measure
from flowers_tfx.errors import InputError
from flowers_tfx.monitoring.batch_pipe import read_batches
from flowers_tfx.monitoring.closing import close_segments
from flowers_tfx.monitoring.embedding_text import write_embedding
from flowers_tfx.monitoring.folder_limit import remove_oldest
from flowers_tfx.monitoring.journal import Journal, JournalTaken
from flowers_tfx.monitoring.kept_photos import keep_photo
from flowers_tfx.monitoring.photo_sample import Batch, PhotoToMeasure
from flowers_tfx.monitoring.record_columns import ID, KEPT, NETWORK, PHOTO, SHARE
from flowers_tfx.monitoring.record_settings import RecordSettings
from flowers_tfx.monitoring.segments import MEASUREMENTS, Row, open_name

_NICENESS = 10  # a tenth of the weight of a process that answers
_LIMIT_PARTS = 20  # kept photos may exceed the limit of the folder by such a part of it
_log = logging.getLogger(__name__)


class Measurements:
    """The journals of the segments that are being measured."""

    def __init__(self, settings: RecordSettings) -> None:
        self._settings, self._folder = settings, Path(settings.folder)
        self._journals: dict[str, Journal] = {}
        self._kept_bytes = 0  # since the folder was last brought within its limit

    def add(self, batch: Batch) -> dict[str, Any]:
        """Measures the photos and writes a line for each. How many were measured, and how many could not be."""
        measured = 0
        photos = iter(batch.photos)
        while group := list(islice(photos, BATCH)):
            lines: dict[str, list[Row]] = {}
            for photo, properties in _measured(group, self._settings.max_pixels):
                lines.setdefault(photo.segment, []).append(self._row(photo, properties, batch.share))
            measured += sum(self._append(segment, rows) for segment, rows in lines.items())
        if self._kept_bytes > self._settings.max_bytes // _LIMIT_PARTS:
            self._remove_oldest()
        sizes = {segment: journal.bytes for segment, journal in self._journals.items()}
        return {"measured": measured, "failed": len(batch.photos) - measured, "bytes": sizes}

    def close(self, segments: Collection[str]) -> None:
        """Nothing more comes for these segments."""
        for segment in segments:
            if journal := self._journals.pop(segment, None):
                journal.close()
        try:
            close_segments(self._folder, segments)
        except (InputError, OSError) as error:
            _log.error("Records in %s are not closed: %s", self._folder, error)
        self._remove_oldest()

    def close_all(self) -> None:
        """The service has ended."""
        for journal in self._journals.values():
            journal.close()
        self._journals = {}
        self.close(())

    def _remove_oldest(self) -> None:
        self._kept_bytes = 0
        try:
            remove_oldest(self._folder, self._settings.max_bytes)
        except OSError as error:
            _log.error("Old records in %s are not removed: %s", self._folder, error)

    def _row(self, photo: PhotoToMeasure, properties: Row, share: float) -> Row:
        kept = -photo.priority < self._settings.keep_photos and keep_photo(self._folder, photo.digest, photo.photo)
        self._kept_bytes += len(photo.photo) if kept else 0
        embedding = None if photo.features is None else write_embedding(photo.features)
        row = {ID: photo.request, PHOTO: photo.number, SHARE: round(share, 6), KEPT: kept, NETWORK: photo.network}
        return {**row, features.EMBEDDING: embedding, **properties}

    def _append(self, segment: str, rows: Sequence[Row]) -> int:
        """How many lines were written."""
        lines = b"".join(json.dumps(row, separators=(",", ":")).encode() + b"\n" for row in rows)
        try:
            if segment not in self._journals:
                self._journals[segment] = Journal(self._folder / open_name(segment, MEASUREMENTS), new=False)
            self._journals[segment].append(lines)
        except (OSError, JournalTaken) as error:
            _log.error("Measured photos are not recorded in %s: %s", self._folder, error)
            return 0
        return len(rows)


def main() -> None:
    settings = RecordSettings(**json.loads(sys.argv[1]))
    logging.basicConfig(level=logging.ERROR, format="%(asctime)s %(levelname)s %(message)s")
    # Ctrl-C reaches all processes of a terminal; this one ends when its input does.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _lower_priority()
    measurements = Measurements(settings)
    measurements.close(())  # what killed processes left
    for batch, closed in read_batches(sys.stdin.buffer):
        done = measurements.add(batch)
        if closed:
            measurements.close(closed)
        with contextlib.suppress(OSError):  # the service was killed; what it has sent is still recorded
            sys.stdout.write(json.dumps(done) + "\n")
            sys.stdout.flush()
    measurements.close_all()


def _lower_priority() -> None:
    """Answers come first; but where others take all processors, files must still be closed and the folder kept within its limit: the
    lowest priority of all got nothing there for minutes."""
    with contextlib.suppress(OSError):  # where a sandbox forbids it
        os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)
        if sys.platform == "linux":
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))  # it never interrupts another process


def _measured(photos: Sequence[PhotoToMeasure], max_pixels: int) -> Iterator[tuple[PhotoToMeasure, Row]]:
    """The properties of each photo that can be measured: all that were answered can be read."""
    samples: list[tuple[PhotoToMeasure, PixelSample]] = []
    for photo in photos:
        with contextlib.suppress(BadPicture, MemoryError):
            samples.append((photo, sample_pixels(photo.photo, max_pixels)))
    if samples:
        rows = measure([sample for _, sample in samples])
        yield from zip((photo for photo, _ in samples), rows, strict=True)


if __name__ == "__main__":
    main()
