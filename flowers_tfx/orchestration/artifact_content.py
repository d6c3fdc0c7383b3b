"""What an artifact held when its node completed. By it a cache hit whose files are gone is a miss, and `flowers runs why` says whether an
input's content changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tfx.dsl.io import fileio

from flowers_tfx.storage import StoragePath, file_sha256, file_sizes, storage_path

# The artifact property that holds it as JSON.
CONTENT = "flowers.content"


@dataclass(frozen=True)
class Content:
    """`size` in bytes; `digest`: sha256 over names and bytes of all files, empty for files in a bucket, which would have to be fetched."""

    files: int
    size: int
    digest: str


def content_of(uri: str) -> Content:
    """The content of an artifact: a folder, or the file of a value."""
    path = storage_path(uri)
    files = _files(path)
    return Content(len(files), sum(files.values()), _digest(path, files) if isinstance(path, Path) else "")


def as_property(content: Content) -> str:
    return json.dumps(asdict(content))


def recorded_content(properties: Mapping[str, Any]) -> Content | None:
    """None for an artifact that was made before contents were recorded."""
    text = properties.get(CONTENT)
    return Content(**json.loads(text)) if text else None


def is_whole(uri: str, recorded: Content | None) -> bool:
    """Whether an artifact's files are still there, by their number and size."""
    if not fileio.exists(uri):
        return False
    if recorded is None:
        return True
    files = _files(storage_path(uri))
    return (len(files), sum(files.values())) == (recorded.files, recorded.size)


def _files(path: StoragePath) -> dict[str, int]:
    if isinstance(path, Path) and path.is_file():
        return {"": path.stat().st_size}
    return file_sizes(path)


def _digest(path: Path, names: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for name in names:
        digest.update(f"{name}\0{file_sha256(path / name)}\n".encode())
    return digest.hexdigest()
