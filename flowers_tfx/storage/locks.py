"""One writer at a time in a folder, on a disk or in a bucket, and lines appended to a file by several writers.

On a disk the lock is `flock` on the file `.lock` of the folder: the system releases it when the process ends for any reason. The file
stays and contains the process id of its last holder. In a bucket the lock is a lease on the object `.lock`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Protocol

from flowers_tfx import progress
from flowers_tfx.errors import InputError
from flowers_tfx.storage.atomic_writes import atomic_file, flush
from flowers_tfx.storage.bucket_path import BucketPath
from flowers_tfx.storage.lease import hold_lease
from flowers_tfx.storage.paths import StoragePath
from flowers_tfx.storage.store import ABSENT, ConditionFailed, write_conditionally

LOCK_NAME = ".lock"


class Lock(Protocol):
    def renew_or_fail(self) -> None:
        """Call this before the write that makes the work visible. Raises InputError if another writer took over the lock."""
        ...


class _FileLock:
    def renew_or_fail(self) -> None:
        """Does nothing: the system never revokes a file lock."""


@contextlib.contextmanager
def lock(
    folder: StoragePath, *, wait: bool = True, holder: str = "process", hint: str = "Wait for it, or use another folder."
) -> Iterator[Lock]:
    """Locks the folder, which is created if needed, during the block.

    Waits for its turn and shows one notice; without `wait`, raises InputError if another `holder` is at work. Raises InputError
    if the folder can't be written to, and in a bucket the errors of the store.
    """
    if isinstance(folder, BucketPath):
        with hold_lease(folder.store, (folder / LOCK_NAME).key, str(folder), wait=wait, holder=holder, hint=hint) as lease:
            yield lease
        return
    with _open_lock_file(folder) as file:
        if not try_lock(file):
            process = _holder_of(file)
            if not wait:
                raise InputError(f"Another {holder} is at work in {folder} (process {process}).", hint)
            progress.notify(f"Another {holder} (process {process}) is writing to {folder}: waiting for it to end.")
            fcntl.flock(file, fcntl.LOCK_EX)
        _write_holder(folder, file)
        yield _FileLock()


def try_lock(file: IO[Any] | int) -> bool:
    """Locks an open file, or a descriptor of a file or folder, until it is closed or the process ends. False if another open file, here or
    in another process, has the lock."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_locked(folder: StoragePath) -> bool:
    """Whether somebody has the lock of a folder on a disk now. False in a bucket, where only a minute's wait could tell."""
    if isinstance(folder, BucketPath) or not (folder / LOCK_NAME).is_file():
        return False
    with (folder / LOCK_NAME).open("r") as file:
        return not try_lock(file)


def check_bucket(folder: BucketPath) -> None:
    """Writes, reads, lists and deletes a probe, so that errors appear now and not after hours of work.

    Raises InputError for a bucket that is not there or can't be written to, wrong credentials, a store that can't be reached, and one
    that ignores the conditions of writes: there two writers could take the same number.
    """
    probe = folder / ".probe"
    with hold_lease(probe.store, probe.key, str(folder)):
        if not probe.read_bytes() or not probe.is_file():
            raise RuntimeError(f"{probe} was written and is not there")


def append_line(file: StoragePath, line: str) -> None:
    """Appends a whole line, even with other writers; on a disk it is flushed, under the lock of the folder."""
    if isinstance(file, BucketPath):
        return _append_to_object(file, line.encode() + b"\n")
    with lock(file.parent), file.open("a+b") as out:
        # A line that a full disk cut short must not swallow the next one.
        if out.tell():
            out.seek(-1, os.SEEK_END)
            if out.read(1) != b"\n":
                out.write(b"\n")
        out.write(line.encode() + b"\n")
        out.flush()
        os.fsync(out.fileno())


def update_file(file: StoragePath, edit: Callable[[bytes], bytes]) -> None:
    """Replaces the content of a file, empty if it is absent, by what `edit` makes of it; several writers take turns, and readers see the
    old content or the new. An error of `edit` changes nothing. In a bucket `edit` is called again when another writer was faster."""
    if isinstance(file, BucketPath):
        return _update_object(file, edit)
    # Not the lock of the folder, which an ingest may have for hours.
    with _open_lock_file(file.parent, f".{file.name}{LOCK_NAME}") as own:
        fcntl.flock(own, fcntl.LOCK_EX)
        old = file.read_bytes() if file.is_file() else b""
        new = edit(old)
        if new != old:
            with atomic_file(file) as unfinished:
                unfinished.write_bytes(new)
                flush(unfinished)
            flush(file.parent)


def _append_to_object(file: BucketPath, line: bytes) -> None:
    """Objects cannot be appended to: the object is rewritten on the condition that it has not changed since it was read."""
    _update_object(file, lambda content: content + line)


def _update_object(file: BucketPath, edit: Callable[[bytes], bytes]) -> None:
    while True:
        try:
            content, tag = file.store.read(file.key)
        except FileNotFoundError:
            content, tag = b"", ABSENT
        new = edit(content)
        if new == content:
            return
        try:
            write_conditionally(file.store, file.key, new, tag)
            return
        except ConditionFailed:
            time.sleep(random.uniform(0, 0.2))


def _open_lock_file(folder: Path, name: str = LOCK_NAME) -> IO[str]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / name).open("a+", encoding="utf-8")
    except OSError as error:
        raise _not_writable(folder, error) from error


def _write_holder(folder: Path, file: IO[str]) -> None:
    """Past the buffer of `file`, which would be written again when it is closed."""
    try:
        os.truncate(file.fileno(), 0)
        os.write(file.fileno(), str(os.getpid()).encode())
    except OSError as error:  # a full disk
        raise _not_writable(folder, error) from error


def _not_writable(folder: Path, error: OSError) -> InputError:
    return InputError(f"The folder {folder} can't be written to: {error.strerror}.", "Name another folder.")


def _holder_of(file: IO[str]) -> str:
    file.seek(0)
    return file.read().strip() or "unknown"
