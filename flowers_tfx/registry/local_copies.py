"""Versions of a registry in a bucket as folders on this machine, for as long as they are needed."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from flowers_tfx import storage
from flowers_tfx.errors import InputError
from flowers_tfx.registry.versions import is_added_later
from flowers_tfx.storage import BucketPath, StoragePath

PREFIX = "flowers-model-"
_RESERVE_BYTES = 16_000_000  # of disk, for whatever else writes there
# The age from which a folder that nobody has locked is abandoned: its maker locks it right after it makes it.
_ABANDONED_S = 60.0


@contextlib.contextmanager
def local_model(model: StoragePath) -> Iterator[Path]:
    """The version's folder, or a copy of one in a bucket without what was added after the push, which is deleted at the end of the block.

    Raises InputError if the disk has no room for the copy.
    """
    if isinstance(model, Path):
        yield model
        return
    remove_abandoned_copies()
    _check_room(model)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder, _locked(Path(folder)):
        storage.fetch(model, Path(folder) / model.name, _is_needed)
        yield Path(folder) / model.name


def remove_abandoned_copies() -> None:
    """Deletes what killed processes left."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # another user's, or removed meanwhile
            is_old = time.time() - folder.stat().st_mtime > _ABANDONED_S
            if is_old and _is_abandoned(folder):
                shutil.rmtree(folder)


def _is_abandoned(folder: Path) -> bool:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        return storage.try_lock(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The system ends the lock when the process ends for any reason."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        storage.try_lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def _check_room(model: BucketPath) -> None:
    size = sum(size for name, size in model.file_sizes().items() if _is_needed(name))
    place = tempfile.gettempdir()
    if size + _RESERVE_BYTES > shutil.disk_usage(place).free:
        raise InputError(
            f"{place} has no room for the {size / 1e6:.0f} MB of {model}.", "Free space there, or set TMPDIR to another folder."
        )


def _is_needed(name: str) -> bool:
    return not is_added_later(name)
