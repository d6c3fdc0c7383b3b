"""The photos that a worker hashed and has not written yet: what fits into memory is not read and checked a second time."""

from __future__ import annotations

import threading

MAX_BYTES = 1 << 28  # a worker has 2 GiB, and photos of the largest size in hand need most of it
MAX_PHOTO_BYTES = 1 << 23


class PhotoCache:
    """Photos by their digest, of one job: those of the job before are dropped. All threads of a worker share it. `bytes`: of all photos."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        self._job, self.bytes = "", 0
        self._photos: dict[bytes, bytes] = {}

    def add(self, job: str, digest: bytes, data: bytes) -> None:
        """Keeps the bytes, whose sha256 is `digest`, if there is room."""
        with self._lock:
            if job != self._job:
                self._job, self.bytes, self._photos = job, 0, {}
            if digest not in self._photos and self.bytes + len(data) <= self.max_bytes:
                self._photos[digest] = data
                self.bytes += len(data)

    def take(self, job: str, digest: bytes) -> bytes | None:
        """The bytes, which are not kept any longer."""
        with self._lock:
            data = self._photos.pop(digest, None) if job == self._job else None
            if data is not None:
                self.bytes -= len(data)
            return data

    def clear(self, job: str) -> None:
        with self._lock:
            if job == self._job:
                self._job, self.bytes, self._photos = "", 0, {}


PHOTOS = PhotoCache()
