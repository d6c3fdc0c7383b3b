"""Files in a folder or a bucket, replaced whole: a reader sees the old content or the new."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from flowers_tfx.storage import BucketPath, StoragePath, atomic_file


def replace_file(path: StoragePath, write: Callable[[Path], None]) -> None:
    """`write` makes the new content in a file of this machine."""
    if isinstance(path, BucketPath):
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder) / path.name
            write(local)
            path.upload(local)
        return
    with atomic_file(path) as unfinished:
        write(unfinished)


def replace_bytes(path: StoragePath, data: bytes) -> None:
    replace_file(path, lambda local: _write(local, data))


def delete_file(path: StoragePath) -> None:
    if isinstance(path, BucketPath):
        path.unlink()
    else:
        path.unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)
