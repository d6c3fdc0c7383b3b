"""The photos that `serving.keep_photos` keeps beside their records, so that a report can show some."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from flowers_tfx.data.file_headers import PNG
from flowers_tfx.errors import InputError
from flowers_tfx.monitoring.closed_segments import FILE_MODE, FOLDER_MODE
from flowers_tfx.monitoring.segments import KEPT_PHOTOS
from flowers_tfx.storage import StoragePath, atomic_file, storage_path

_SUFFIXES = (".jpg", ".png")


def keep_photo(folder: Path, digest: str, photo: bytes) -> bool:
    """Whether it was written: a full disk is no reason to fail."""
    path = folder / KEPT_PHOTOS / f"{digest}{_SUFFIXES[photo.startswith(PNG)]}"
    try:
        path.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
        with atomic_file(path) as unfinished:
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
            with open(descriptor, "wb") as file:
                file.write(photo)
    except (OSError, InputError):
        return False
    return True


def read_kept_photos(folder: str, digests: set[str]) -> Iterator[tuple[str, bytes]]:
    """Digest and bytes of those of the photos that were kept and are still there; `folder`: as for `read_records`."""
    home = storage_path(folder) / KEPT_PHOTOS
    for digest in sorted(digests):
        for path in paths_of_photo(home, digest):
            try:
                yield digest, path.read_bytes()
            except FileNotFoundError:
                continue  # not kept, or removed meanwhile


def paths_of_photo(home: StoragePath, digest: str) -> list[StoragePath]:
    """Where a photo lies if it was kept. `home`: the folder of kept photos."""
    return [home / f"{digest}{suffix}" for suffix in _SUFFIXES]
