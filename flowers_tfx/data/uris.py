"""Paths and URIs of photos and deliveries (file://, gs://, s3://): reads them, or says why one can't be read."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from typing import IO, NamedTuple
from urllib.parse import unquote, urlsplit

from flowers_tfx.errors import InputError
from flowers_tfx.storage.bucket_path import BucketPath, split_uri
from flowers_tfx.storage.store import BucketNotFound, PermissionDenied

READ_BYTES = 1 << 20


class UnusableLine(Exception):
    """A line without a usable photo: `kind` never changes and goes into digests, `str(error)` is for people."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(kind, reason)
        self.kind = kind

    def __str__(self) -> str:
        return str(self.args[1])


def folder(csv_uri: str) -> str:
    """The folder that relative URIs of this CSV start from."""
    path = local_path(csv_uri)
    return csv_uri.rpartition("/")[0] if path is None else os.path.dirname(os.path.abspath(path))


def resolve(uri: str, base: str) -> str:
    """A local path, or a URI of a bucket."""
    path = local_path(uri)
    if path is None:
        return uri
    return os.path.join(base, path) if "://" not in base else path if os.path.isabs(path) else f"{base}/{path}"


def open_binary(path: str) -> IO[bytes]:
    """Opens a local file or one in a bucket. UnusableLine with a plain reason, or OSError for a local one."""
    local = local_path(path)
    return open(local, "rb") if local is not None else _open_in_bucket(path)


def read_bytes(path: bytes, limit: int = -1) -> bytes:
    """The file at a resolved path, or its first `limit` bytes. UnusableLine with a reason."""
    try:
        with _open_photo(path) as file:
            return file.read(limit)
    except OSError as error:
        raise unusable_line(error) from error


class HashedFile(NamedTuple):
    """sha256 and size of a file; `data` holds its bytes if they were asked for."""

    digest: bytes
    size: int
    data: bytes | None


def hash_file(path: bytes, keep_up_to: int = 0) -> HashedFile:
    """The file at a resolved path, read in pieces, with its bytes if there are at most `keep_up_to`. UnusableLine with a reason."""
    digest, size, pieces = hashlib.sha256(), 0, list[bytes]()
    try:
        with _open_photo(path) as file:
            while piece := file.read(READ_BYTES):
                digest.update(piece)
                size += len(piece)
                if size <= keep_up_to:
                    pieces.append(piece)
    except OSError as error:
        raise unusable_line(error) from error
    return HashedFile(digest.digest(), size, b"".join(pieces) if size <= keep_up_to else None)


def _open_photo(path: bytes) -> IO[bytes]:
    name = path.decode("utf-8", "surrogateescape")
    return _open_regular_file(name) if "://" not in name else open_binary(name)


def _open_regular_file(path: str) -> IO[bytes]:
    """Opens a plain file: a pipe or a device among the photos would block for ever."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(file).st_mode
    if stat.S_ISREG(mode):
        return open(file, "rb", buffering=0)
    os.close(file)
    raise UnusableLine(*(("folder", "a folder, not a file") if stat.S_ISDIR(mode) else ("special", "not a regular file")))


def unusable_line(error: OSError) -> UnusableLine:
    """Turns an error of the file into the reason why its line is rejected."""
    kinds = {
        errno.ENOENT: ("missing", "no such file"),
        errno.ENOTDIR: ("missing", "no such file"),
        errno.ENAMETOOLONG: ("missing", "no such file: the name is too long"),
        errno.EACCES: ("permission", "no permission to read the file"),
        errno.EPERM: ("permission", "no permission to read the file"),
        errno.EISDIR: ("folder", "a folder, not a file"),
        errno.ELOOP: ("missing", "a link that leads in a circle"),
        errno.ENXIO: ("special", "not a regular file"),
    }
    return UnusableLine(*kinds.get(error.errno or 0, ("unreadable", f"can't be read: {error.strerror or error}")))


def local_path(uri: str) -> str | None:
    """The path on this machine, or None for another scheme."""
    if "://" not in uri:
        return uri
    parts = urlsplit(uri)
    return unquote(parts.path, errors="surrogateescape") if parts.scheme == "file" else None


def _open_in_bucket(uri: str) -> IO[bytes]:
    """One request, through a client that all threads share. Raises InputError for a store that can't be reached
    or refuses the credentials: that is not a fault of the line."""
    try:
        split_uri(uri)
    except InputError as error:
        raise UnusableLine("scheme", f'"{uri.partition("://")[0]}://" is not supported: a path, file://, gs:// or s3://') from error
    try:
        file = BucketPath(uri).stream()
        file.peek(1)
    except PermissionDenied as error:
        raise UnusableLine("permission", "no permission to read the file") from error
    except (BucketNotFound, FileNotFoundError) as error:
        raise UnusableLine("missing", "no such file") from error
    return file
