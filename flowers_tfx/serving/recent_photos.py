"""The photos of the last requests, so that feedback can name one by the id of its answer.

They are files in one folder, since with several workers the feedback may reach another process than the photo did. Only a server whose
feedback is switched on has this folder.
"""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowers_tfx.storage import unfinished_path

_SECONDS = 600.0
_MAX_BYTES = 64_000_000
_PRUNE_EVERY_S = 30.0
_PRUNE_SHARE = 8  # a worker also prunes after it has written this part of the limit
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RecentPhoto:
    photo: bytes
    answer: Mapping[str, Any]


class RecentPhotos:
    """Keeps photos for `seconds` and at most `max_bytes` of them, the newest; each worker can exceed that by an eighth. Threads and
    processes can share the folder. Photos are kept only while `min_free_bytes` of the disk stay free."""

    def __init__(self, folder: Path, min_free_bytes: int, seconds: float = _SECONDS, max_bytes: int = _MAX_BYTES) -> None:
        self._folder, self._min_free_bytes = folder, min_free_bytes
        self._seconds, self._max_bytes = seconds, max_bytes
        self._unpruned_bytes = 0
        self._stopped = threading.Event()

    def start(self) -> None:
        """Deletes old photos from now on."""
        threading.Thread(target=self._prune_regularly, name="recent photos", daemon=True).start()

    def stop(self) -> None:
        """Deletes the photos: without a server nobody can give feedback on them."""
        self._stopped.set()
        shutil.rmtree(self._folder, ignore_errors=True)

    def keep(self, answer_id: str, photo: bytes, answer: Mapping[str, Any]) -> None:
        """Never fails: an answer must not depend on it. Errors of the disk are logged."""
        path = self._path(uuid.UUID(answer_id))
        head = json.dumps(dict(answer)).encode() + b"\n"
        unfinished = unfinished_path(path)
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            if shutil.disk_usage(self._folder).free - len(photo) < self._min_free_bytes:
                raise OSError("the disk is almost full")
            unfinished.write_bytes(head + photo)
            unfinished.rename(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                unfinished.unlink()
            _log.warning("A photo is not kept for feedback: %s", error.strerror or error)
        self._unpruned_bytes += len(photo)
        if self._unpruned_bytes > self._max_bytes // _PRUNE_SHARE:
            self.prune()

    def find(self, answer_id: uuid.UUID) -> RecentPhoto | None:
        """None for an unknown id and for a photo that is no longer kept."""
        path = self._path(answer_id)
        try:
            if path.stat().st_mtime < time.time() - self._seconds:
                return None
            head, _, photo = path.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        return RecentPhoto(photo, json.loads(head))

    def prune(self) -> None:
        """Deletes what is too old, then the oldest photos beyond the limit."""
        self._unpruned_bytes = 0
        files = []
        try:
            for path in self._folder.iterdir():
                status = _status(path)
                if status is not None:
                    files.append((status.st_mtime, status.st_size, path))
        except FileNotFoundError:
            return  # no photo was kept yet
        except OSError as error:
            _log.warning("Old photos that were kept for feedback cannot be deleted: %s", error.strerror)
        size, oldest = 0, time.time() - self._seconds
        for modified, file_size, path in sorted(files, key=lambda file: -file[0]):
            size += file_size
            if modified < oldest or size > self._max_bytes:
                with contextlib.suppress(OSError):  # another worker was faster
                    path.unlink()

    def _path(self, answer_id: uuid.UUID) -> Path:
        # Only the digits of the id reach the file system.
        return self._folder / answer_id.hex

    def _prune_regularly(self) -> None:
        while not self._stopped.is_set():
            self.prune()
            self._stopped.wait(_PRUNE_EVERY_S)


def _status(path: Path) -> Any:
    """None for a file that another worker has just deleted."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None
