"""Folders and files in a bucket, and which store a URI means.

A bucket has no rename and no lock (docs/adr/0008): writers take a lease first and write a marker last.
"""

from __future__ import annotations

import functools
import io
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from flowers_tfx.errors import InputError
from flowers_tfx.storage.store import ABSENT, ConditionFailed, Store, write_conditionally

SCHEMES = ("gs", "s3")
_ALIASES = {"minio": "s3"}  # as Kubeflow calls the store that comes with it
_BUFFER_BYTES, _PIECE_BYTES = 1 << 16, 1 << 20


@dataclass(frozen=True, order=True)
class BucketPath:
    """The part of the interface of `pathlib.Path` that the program needs, for gs:// and s3://. A folder exists when an object lies below
    it.

    Methods raise InputError, FileNotFoundError and RuntimeError as `Store` does.
    """

    uri: str

    def __str__(self) -> str:
        return self.uri

    def __truediv__(self, name: str | Path) -> BucketPath:
        return BucketPath(f"{self.uri}/{name}")

    @property
    def name(self) -> str:
        return self.uri.rpartition("/")[2]

    @property
    def parent(self) -> BucketPath:
        return BucketPath(self.uri.rpartition("/")[0])

    @property
    def key(self) -> str:
        return split_uri(self.uri)[2]

    @property
    def store(self) -> Store:
        return open_store(*split_uri(self.uri)[:2])

    def is_file(self) -> bool:
        # Stores list in the order of keys: of those that start with this one, it is the first.
        first = next(self.store.list_objects(self.key), None)
        return first is not None and first.key == self.key

    def is_dir(self) -> bool:
        return next(self.store.list_objects(self._prefix), None) is not None

    def iterdir(self) -> Iterator[BucketPath]:
        """The files and folders directly in the folder."""
        for entry in self.store.list_objects(self._prefix, recursive=False):
            if name := entry.key[len(self._prefix) :].rstrip("/"):
                yield self / name

    def read_bytes(self) -> bytes:
        return self.store.read(self.key)[0]

    def read_text(self, encoding: str = "utf-8") -> str:
        return self.read_bytes().decode(encoding)

    def open(self, mode: str = "r", encoding: str | None = None) -> IO[Any]:
        """For reading: an unnamed copy on this machine's disk, since readers of Parquet seek in it."""
        copy = tempfile.TemporaryFile()  # noqa: SIM115
        with self.stream() as source:
            shutil.copyfileobj(source, copy, _PIECE_BYTES)
        copy.seek(0)
        return copy if "b" in mode else io.TextIOWrapper(copy, encoding=encoding)

    def stream(self) -> io.BufferedReader:
        """Opens the file for sequential reading."""
        return io.BufferedReader(self.store.stream(self.key), _BUFFER_BYTES)

    def download(self, target: Path) -> None:
        with self.stream() as source, target.open("wb") as out:
            shutil.copyfileobj(source, out, _PIECE_BYTES)

    def write_bytes(self, data: bytes) -> None:
        self.store.write(self.key, data)

    def write_new(self, data: bytes) -> None:
        """Raises FileExistsError if the file exists; of several writers one succeeds. No other writer may have the same `data`."""
        try:
            write_conditionally(self.store, self.key, data, ABSENT)
        except ConditionFailed:
            raise FileExistsError(str(self)) from None

    def upload(self, source: Path) -> None:
        self.store.upload(source, self.key)

    def copy_to(self, target: BucketPath) -> None:
        """Copies the file to another name in the same bucket."""
        self.store.copy(self.key, target.key)

    def unlink(self) -> None:
        self.store.delete([self.key])

    def file_sizes(self) -> dict[str, int]:
        """Relative name to size in bytes, of all files below the folder."""
        files = self.store.list_objects(self._prefix)
        return {file.key[len(self._prefix) :]: file.size for file in files if not file.key.endswith("/")}

    def remove(self, first: str = "") -> None:
        """Deletes all files below the folder, the one called `first` before the others."""
        names = self.file_sizes()
        if first in names:
            (self / first).unlink()
        self.store.delete(f"{self._prefix}{name}" for name in names if name != first)

    @property
    def _prefix(self) -> str:
        return f"{self.key}/" if self.key else ""


def split_uri(uri: str) -> tuple[str, str, str]:
    """Scheme, bucket and key without slashes at its ends. Raises InputError for anything but a URI of a bucket."""
    scheme, _, rest = uri.partition("://")
    scheme = _ALIASES.get(scheme, scheme)
    bucket, _, key = rest.partition("/")
    if scheme not in SCHEMES:
        raise InputError(f'"{scheme}://" is not supported ({uri}).', "Name a local folder, gs://BUCKET/PATH or s3://BUCKET/PATH.")
    if not bucket:
        raise InputError(f"{uri} does not name a bucket.", f"Write it as {scheme}://BUCKET/PATH.")
    return scheme, bucket, key.strip("/")


@functools.cache
def open_store(scheme: str, bucket: str) -> Store:
    """A store's client is made once in a process, and serves all threads."""
    # Both libraries take a second or more to import, and local folders need neither.
    if scheme == "s3":
        from flowers_tfx.storage.s3 import S3

        return S3(bucket)
    from flowers_tfx.storage.gcs import Gcs

    return Gcs(bucket)
