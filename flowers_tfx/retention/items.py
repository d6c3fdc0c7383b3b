"""What `flowers gc` decides about: a version, a span, an artifact, a review, a log or a leftover."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from flowers_tfx.storage import BucketPath, StoragePath, file_sizes, is_unfinished

Kind = Literal["version", "span", "artifact", "review", "log", "record", "cache", "leftover"]
DAY_S = 86_400.0
_ROWS = ".rows-"  # what an ingest calls its rows


@dataclass(frozen=True)
class Item:
    """A folder or a file. `bytes`: of all files below it; `why` it is kept, or may leave; `artifacts`: its ids in ML Metadata.

    Of a folder in a bucket, `first` are the files without which it is no longer seen as whole, in the order in which they are removed
    before the others; `claim` is written before and says that the rest is to be removed, too.
    """

    kind: Kind
    path: StoragePath
    bytes: int
    keep: bool
    why: str
    first: tuple[str, ...] = ()
    claim: BucketPath | None = None
    artifacts: tuple[int, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "path": str(self.path), "bytes": self.bytes, "why": self.why}


def size_of(path: StoragePath) -> int:
    """Bytes of a file, or of all files below a folder; links are not followed, and what is gone meanwhile has none."""
    if isinstance(path, BucketPath):
        return sum(file_sizes(path).values())
    try:
        if path.is_symlink() or path.is_file():
            return path.lstat().st_size
        return sum(size_of(Path(entry.path)) for entry in os.scandir(path))
    except (FileNotFoundError, NotADirectoryError):
        return 0


def age_in_days(path: Path) -> float:
    """Since the last change of the file or folder itself."""
    return (time.time() - path.lstat().st_mtime) / DAY_S


def leftovers(folder: StoragePath) -> Iterator[Path]:
    """What killed processes left unfinished in a folder on a disk. Only the holder of its lock may remove it."""
    if isinstance(folder, Path) and folder.is_dir():
        yield from (path for path in sorted(folder.iterdir()) if is_unfinished(path.name) or path.name.startswith(_ROWS))


def leftover_items(folder: StoragePath, least_days: float = 0) -> Iterator[Item]:
    for path in leftovers(folder):
        if age_in_days(path) >= least_days:
            yield Item("leftover", path, size_of(path), False, "a killed process left it unfinished")
