"""The interface of an object store: one bucket of Google Cloud Storage or S3, or one in the memory of a test."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from flowers_tfx.errors import InputError

ABSENT = ""  # as a tag: the object must not exist


class BucketNotFound(InputError):
    """The bucket doesn't exist."""


class PermissionDenied(InputError):
    """The credentials are valid and do not allow this."""


class ConditionFailed(Exception):
    """The condition of a write failed: the object has another tag, or exists although it should not."""


class ObjectStream(io.RawIOBase):
    """An object that is read from any position: `open_at(start)` gives its bytes from there on, and `translate_errors` turns
    the library's errors into the program's.

    `broken`: what the library raises when an open connection breaks; the object is then requested once more.
    """

    def __init__(
        self,
        open_at: Callable[[int], Any],
        translate_errors: Callable[[], AbstractContextManager[None]],
        broken: tuple[type[Exception], ...] = (),
    ) -> None:
        self._open_at, self._translate_errors, self._broken = open_at, translate_errors, broken
        self._position = 0
        self._body: Any = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Relative to the start or the current position: the end is unknown."""
        if whence == io.SEEK_END:
            raise io.UnsupportedOperation("seek from the end")
        target = offset + (self._position if whence == io.SEEK_CUR else 0)
        if target != self._position:
            self._close_body()
            self._position = target
        return self._position

    def readinto(self, buffer: Any) -> int:
        with self._translate_errors():
            was_open = self._body is not None
            try:
                data = self._read(len(buffer))
            except self._broken:
                if not was_open:
                    raise
                self._close_body()
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
        self._close_body()
        super().close()

    def _close_body(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None


@dataclass(frozen=True)
class ObjectInfo:
    """`key` of an object, or of a folder if it ends with a slash; `size` in bytes; `tag`: that of `Store.read`, empty for a folder."""

    key: str
    size: int = 0
    tag: str = ""


class Store(Protocol):
    """One bucket. A tag names an object's content: an ETag or a generation number.

    All methods raise InputError for a bucket that is not there, credentials or permissions that do not suffice and an endpoint that
    cannot be reached, and RuntimeError if the store fails.
    """

    def list_objects(self, prefix: str, recursive: bool = True) -> Iterator[ObjectInfo]:
        """Objects whose keys start with `prefix`; without `recursive` those of one folder, and its folders."""
        ...

    def read(self, key: str) -> tuple[bytes, str]:
        """Bytes and tag. FileNotFoundError."""
        ...

    def stream(self, key: str) -> io.RawIOBase:
        """Opens the object for sequential reading; each jump to another position costs a request. FileNotFoundError, also at the first
        read."""
        ...

    def write(self, key: str, data: bytes, tag: str | None = None) -> str:
        """The new tag. With a tag, ConditionFailed unless the object has this tag, or does not exist for ABSENT: the store decides,
        so of several writers one succeeds."""
        ...

    def upload(self, path: Path, key: str) -> None:
        """Uploads a file in parts; the object appears when the last part has arrived."""
        ...

    def copy(self, source: str, key: str) -> None:
        """Copies an object in the bucket, on the server. FileNotFoundError."""
        ...

    def delete(self, keys: Iterable[str]) -> None:
        """Deletes these objects; missing ones are ignored."""
        ...


def write_conditionally(store: Store, key: str, data: bytes, tag: str) -> str:
    """`Store.write` with a tag, for data that no other writer has: a request whose answer was lost is sent again by the client, and then
    finds its own object there. Raises ConditionFailed for another one."""
    try:
        return store.write(key, data, tag)
    except ConditionFailed:
        with contextlib.suppress(FileNotFoundError):
            stored, new_tag = store.read(key)
            if stored == data:
                return new_tag
        raise
