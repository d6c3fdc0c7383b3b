"""What the program asks of an object store, and which one a URI means."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from flowers_tfx.errors import InputError

SCHEMES = ("gs", "s3")
_ALIASES = {"minio": "s3"}  # as Kubeflow calls the store that comes with it
ABSENT = ""  # as a tag: only where there is no such object


class NoBucket(InputError):
    """There is no such bucket."""


class NoPermission(InputError):
    """The credentials are known and give no right to this."""


class Changed(Exception):
    """A conditional write found another object than the one that it was bound to, or any where there should be none."""


class ObjectStream(io.RawIOBase):
    """An object that is read from any place: `open_at(start)` gives its bytes from there on, and `told` renames the library's errors.

    `broken`: what the library raises when a connection that was open breaks; the object is then asked for once more.
    """

    def __init__(
        self, open_at: Callable[[int], Any], told: Callable[[], AbstractContextManager[None]], broken: tuple[type[Exception], ...] = ()
    ) -> None:
        self._open_at, self._told, self._broken = open_at, told, broken
        self._position = 0
        self._body: Any = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """From the start or from here: where the end is, is not known."""
        if whence == io.SEEK_END:
            raise io.UnsupportedOperation("seek from the end")
        target = offset + (self._position if whence == io.SEEK_CUR else 0)
        if target != self._position:
            self._drop()
            self._position = target
        return self._position

    def readinto(self, buffer: Any) -> int:
        with self._told():
            was_open = self._body is not None
            try:
                data = self._read(len(buffer))
            except self._broken:
                if not was_open:
                    raise
                self._drop()
                data = self._read(len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _read(self, size: int) -> bytes:
        if self._body is None:
            self._body = self._open_at(self._position)
        data: bytes = self._body.read(size)
        return data

    def close(self) -> None:
        self._drop()
        super().close()

    def _drop(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None


@dataclass(frozen=True)
class Listed:
    """`key` of an object, or of a folder where it ends with a slash; `size` in bytes."""

    key: str
    size: int = 0


class Store(Protocol):
    """One bucket. A tag names an object's content: an ETag or a generation number.

    All methods raise InputError for a bucket that is not there, credentials or permissions that do not suffice and an endpoint that
    cannot be reached, and RuntimeError where the store fails.
    """

    def listed(self, prefix: str, below: bool = True) -> Iterator[Listed]:
        """Objects whose keys start with `prefix`; without `below` those of one folder, and its folders."""
        ...

    def read(self, key: str) -> tuple[bytes, str]:
        """Bytes and tag. FileNotFoundError."""
        ...

    def stream(self, key: str) -> io.RawIOBase:
        """For reading in order, and from other places at the price of a request each. FileNotFoundError, also at the first read."""
        ...

    def write(self, key: str, data: bytes, tag: str | None = None) -> str:
        """The new tag. With a tag, Changed unless the object there has it, or unless there is none for ABSENT: the store decides, so
        of several writers one succeeds."""
        ...

    def upload(self, path: Path, key: str) -> None:
        """In pieces; the object appears when the last one has arrived."""
        ...

    def copy(self, source: str, key: str) -> None:
        """Within the bucket, by the store itself. FileNotFoundError."""
        ...

    def delete(self, keys: Iterable[str]) -> None:
        """Those that are there."""
        ...


def split_uri(uri: str) -> tuple[str, str, str]:
    """Scheme, bucket and key without slashes at its ends. Raises InputError for what is no URI of a bucket."""
    scheme, _, rest = uri.partition("://")
    scheme = _ALIASES.get(scheme, scheme)
    bucket, _, key = rest.partition("/")
    if scheme not in SCHEMES:
        raise InputError(f'"{scheme}://" is not supported ({uri}).', "Name a local folder, gs://BUCKET/PATH or s3://BUCKET/PATH.")
    if not bucket:
        raise InputError(f"{uri} names no place in a bucket.", f"Write it as {scheme}://BUCKET/PATH.")
    return scheme, bucket, key.strip("/")


def write_bound(store: Store, key: str, data: bytes, tag: str) -> str:
    """`Store.write` with a tag, for data that no other writer has: a request whose answer was lost is sent again by the client, and then
    finds its own object there. Raises Changed for another one."""
    try:
        return store.write(key, data, tag)
    except Changed:
        with contextlib.suppress(FileNotFoundError):
            found, new = store.read(key)
            if found == data:
                return new
        raise


def endpoint_url() -> str:
    """Where s3:// lies: what the environment says, as boto3 reads it, or what a job's options say on a worker of Beam's whose environment
    does not. Empty for Amazon's own."""
    said = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "")
    beam = sys.modules.get("apache_beam.io.filesystems")
    if said or beam is None or beam.FileSystems._pipeline_options is None:
        return said
    from apache_beam.options.pipeline_options import S3Options

    return str(beam.FileSystems._pipeline_options.view_as(S3Options).s3_endpoint_url or "")


@functools.cache
def open_store(scheme: str, bucket: str) -> Store:
    """A store's client is made once in a process, and serves all threads."""
    # Both libraries take a second or more to import, and local folders need neither.
    if scheme == "s3":
        from flowers_tfx.storage.s3 import S3

        return S3(bucket)
    from flowers_tfx.storage.gcs import Gcs

    return Gcs(bucket)
