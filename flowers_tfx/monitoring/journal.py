"""A file of JSON lines that one process appends to, and that others read meanwhile."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from flowers_tfx.monitoring.closed_segments import FILE_MODE
from flowers_tfx.storage import try_lock


class JournalTaken(Exception):
    """Another process has the lock of the file, or has removed it."""


class Journal:
    """Locked until it is closed or the process ends. What `append` wrote survives the process, not a power cut."""

    def __init__(self, path: Path, *, new: bool) -> None:
        """`new`: the file must not exist. Raises JournalTaken, and OSError if the file cannot be written."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | (os.O_EXCL if new else 0)
        try:
            self._descriptor = os.open(path, flags, FILE_MODE)
        except FileExistsError:
            raise JournalTaken from None
        self.bytes = os.fstat(self._descriptor).st_size
        # Whoever cleans up after killed processes may have been between the two lines above and this one.
        if not try_lock(self._descriptor) or not is_at(self._descriptor, path):
            self.close()
            raise JournalTaken
        # A line that a killed process left half written must not swallow the next one.
        if self.bytes and os.pread(self._descriptor, 1, self.bytes - 1) != b"\n":
            self.append(b"\n")

    def append(self, lines: bytes) -> None:
        """All of the lines or, where the disk is full, none. Raises OSError."""
        written = 0
        try:
            while written < len(lines):
                written += os.write(self._descriptor, lines[written:])
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self.bytes)
            raise
        self.bytes += written

    def close(self) -> None:
        os.close(self._descriptor)


def is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file still has this name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
