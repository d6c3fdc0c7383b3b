"""A delivery: a CSV of `uri,label` lines beside a labels file, read line by line; what can't be used becomes a reject, with its reason."""

from __future__ import annotations

import csv
import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import IO
from urllib.parse import unquote, urlsplit

from flowers_tfx.data import spans as span_store
from flowers_tfx.errors import InputError

LINES_PER_CHUNK = 64
READ_BYTES = 1 << 20
READ_THREADS = 8


class Unusable(Exception):
    """A line that gives no photo: `kind` is stable and goes into digests, `str(error)` is for people."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(kind, reason)
        self.kind = kind

    def __str__(self) -> str:
        return str(self.args[1])


@dataclass(frozen=True)
class Chunk:
    """Some lines of a CSV: where they start, the number of the first (from 1), and how many."""

    offset: int
    first_line: int
    lines: int


@dataclass(frozen=True)
class Survey:
    """What a look at the CSV alone tells: its chunks, and the bytes of those photos that lie on this machine's disks."""

    chunks: tuple[Chunk, ...]
    lines: int
    local_bytes: int


@dataclass(frozen=True)
class Line:
    """A line and what it points to: a digest, or a reason why there is none. `uri` and `label` are printable."""

    number: int
    uri: str
    label: str
    path: bytes  # resolved, surrogateescape-encoded: a file name need not be UTF-8
    digest: bytes = b""
    size: int = 0  # bytes
    kind: str = ""
    reason: str = ""

    @property
    def content(self) -> bytes:
        """32 bytes that say what was delivered here, whatever the order of the lines, the photo's name and its time."""
        parts = ("photo", self.digest.hex(), self.label) if self.digest else (self.kind, self.uri, self.label)
        return hashlib.sha256("\0".join(parts).encode()).digest()


@dataclass(frozen=True)
class DeliveryState:
    """A delivery's content (`digest`), and how many of its lines hold a photo that no span has taken or rejected (`pending`)."""

    digest: str
    pending: int


def read_labels(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """The classes, one a line, in the file's order. InputError for an unreadable or empty file, blank lines, a name given twice."""
    hint = "A labels file holds one class name a line, such as the dict.txt that `flowers dataset index` writes."
    try:
        with open_binary(os.fspath(path)) as file:
            text = file.read().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The labels file {path} can't be read: {_words(error)}.", hint) from error
    labels = tuple(line.strip() for line in text.splitlines())
    if not labels:
        raise InputError(f"The labels file {path} is empty.", hint)
    for number, label in enumerate(labels, 1):
        if not label:
            raise InputError(f"Line {number} of the labels file {path} is blank.", hint)
        if label in labels[: number - 1]:
            raise InputError(f'The labels file {path} names "{label}" twice (line {number}).', hint)
    return labels


def survey(csv_uri: str) -> Survey:
    """InputError when the CSV is missing, unreadable or empty."""
    chunks: list[Chunk] = []
    offset = lines = local_bytes = 0
    base = folder(csv_uri)
    try:
        with open_binary(csv_uri) as file:
            while block := list(islice(file, LINES_PER_CHUNK)):
                chunks.append(Chunk(offset, lines + 1, len(block)))
                local_bytes += sum(_local_bytes(raw, base) for raw in block)
                offset += sum(map(len, block))
                lines += len(block)
    except (OSError, Unusable) as error:
        raise InputError(
            f"The delivery {csv_uri} can't be read: {_words(error)}.",
            "Name a CSV of `uri,label` lines, such as the one that `flowers dataset index` writes.",
        ) from error
    if not lines:
        raise InputError(f"The delivery {csv_uri} is empty.", "It must hold one `uri,label` line a photo.")
    return Survey(tuple(chunks), lines, local_bytes)


def read_chunk(csv_uri: str, chunk: Chunk) -> Iterator[tuple[int, bytes]]:
    """The chunk's lines with their numbers. RuntimeError when the CSV has become shorter since the survey."""
    with open_binary(csv_uri) as file:
        file.seek(chunk.offset)
        block = list(islice(file, chunk.lines))
    if len(block) != chunk.lines:
        raise RuntimeError(f"{csv_uri} changed while it was read")
    return enumerate(block, chunk.first_line)


def read_line(number: int, raw: bytes, base: str, labels: frozenset[str]) -> Line:
    """The line with the digest of its photo, which is read once, in pieces."""
    uri, label = "", ""
    path = b""
    try:
        uri, label = _fields(raw)
        if label not in labels:
            raise Unusable("label", f'unknown label "{printable(label)}"')
        path = resolve(uri, base).encode("utf-8", "surrogateescape")
        digest, size = _sha256(path)
        return Line(number, printable(uri), label, path, digest, size)
    except Unusable as error:
        if not uri:
            uri = raw.rstrip(b"\r\n").decode("utf-8", "backslashreplace")
        return Line(number, printable(uri), printable(label), path, kind=error.kind, reason=str(error))


def delivery_state(csv_uri: str, labels: Iterable[str], spans: Iterable[span_store.Span]) -> DeliveryState:
    """Reads every photo of the delivery: what `ingest` would find. InputError as in `survey`."""
    known = {bytes.fromhex(digest) + label.encode() for span in spans for digest, label in span_store.settled(span)}
    base, names = folder(csv_uri), frozenset(labels)
    contents: list[bytes] = []
    pending = 0

    def read(chunk: Chunk) -> list[tuple[bytes, bool]]:
        lines = [read_line(number, raw, base, names) for number, raw in read_chunk(csv_uri, chunk)]
        return [(line.content, bool(line.digest) and line.digest + line.label.encode() not in known) for line in lines]

    chunks = survey(csv_uri).chunks
    with ThreadPoolExecutor(READ_THREADS) as pool:
        # map() submits everything at once: so many chunks at a time keep the futures few.
        for start in range(0, len(chunks), 1024):
            for found in pool.map(read, chunks[start : start + 1024]):
                contents += [content for content, _ in found]
                pending += sum(new for _, new in found)
    return DeliveryState(content_digest(contents), pending)


def content_digest(contents: Iterable[bytes]) -> str:
    return hashlib.sha256(b"".join(sorted(contents))).hexdigest()


def folder(csv_uri: str) -> str:
    """Where relative URIs of this CSV start."""
    path = _local_path(csv_uri)
    return csv_uri.rpartition("/")[0] if path is None else os.path.dirname(os.path.abspath(path))


def resolve(uri: str, base: str) -> str:
    """A local path, or a URI for Beam's filesystems."""
    path = _local_path(uri)
    if path is None:
        return uri
    return os.path.join(base, path) if "://" not in base else path if os.path.isabs(path) else f"{base}/{path}"


def open_binary(path: str) -> IO[bytes]:
    """Opens a local file or, through Beam, one in a bucket. Unusable with a plain reason, or OSError for a local one."""
    local = _local_path(path)
    return open(local, "rb") if local is not None else _open_remote(path)


def read_bytes(path: bytes, limit: int = -1) -> bytes:
    """The file at a Line's path, or its first `limit` bytes. Unusable with a reason."""
    try:
        with _open_photo(path) as file:
            return file.read(limit)
    except OSError as error:
        raise _unusable(error) from error


def printable(text: str) -> str:
    r"""Bytes that are no UTF-8 stand as \xNN: JSON, parquet and Examples take nothing else."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _fields(raw: bytes) -> tuple[str, str]:
    text = raw.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n").decode("utf-8", "surrogateescape")
    if not text.strip():
        raise Unusable("blank", "blank line")
    if "\0" in text:
        raise Unusable("malformed", "a NUL byte in the line")
    if '"' in text:
        try:
            # A record is a line here, so that what is lost to a missing quote is one line.
            fields = next(csv.reader([text], strict=True))
        except csv.Error as error:
            raise Unusable("malformed", f"not a line of CSV: {error}") from error
    else:
        fields = [field.strip() for field in text.split(",")]
    if len(fields) != 2:
        raise Unusable("fields", f"{len(fields)} field{'s' * (len(fields) != 1)} instead of 2 (uri,label)")
    if not fields[0]:
        raise Unusable("uri", "no URI")
    return fields[0], fields[1].strip()


def _sha256(path: bytes) -> tuple[bytes, int]:
    digest, size = hashlib.sha256(), 0
    try:
        with _open_photo(path) as file:
            while piece := file.read(READ_BYTES):
                digest.update(piece)
                size += len(piece)
    except OSError as error:
        raise _unusable(error) from error
    return digest.digest(), size


def _open_photo(path: bytes) -> IO[bytes]:
    name = path.decode("utf-8", "surrogateescape")
    return _regular(name) if "://" not in name else open_binary(name)


def _regular(path: str) -> IO[bytes]:
    """Opens a plain file: a pipe or a device among the photos would block for ever."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(file).st_mode
    if stat.S_ISREG(mode):
        return open(file, "rb", buffering=0)
    os.close(file)
    raise Unusable(*(("folder", "a folder, not a file") if stat.S_ISDIR(mode) else ("special", "not a regular file")))


def _unusable(error: OSError) -> Unusable:
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
    return Unusable(*kinds.get(error.errno or 0, ("unreadable", f"can't be read: {error.strerror or error}")))


def _local_path(uri: str) -> str | None:
    """The path on this machine, or None for another scheme."""
    if "://" not in uri:
        return uri
    parts = urlsplit(uri)
    return unquote(parts.path, errors="surrogateescape") if parts.scheme == "file" else None


def _local_bytes(raw: bytes, base: str) -> int:
    try:
        path = resolve(_fields(raw)[0], base)
        return 0 if "://" in path else os.stat(path).st_size
    except (OSError, Unusable, ValueError):
        return 0


def _open_remote(uri: str) -> IO[bytes]:
    # Beam takes seconds to import, and deliveries on a disk don't need it.
    from apache_beam.io.filesystem import BeamIOError, CompressionTypes
    from apache_beam.io.filesystems import FileSystems

    try:
        opened: IO[bytes] = FileSystems.open(uri, compression_type=CompressionTypes.UNCOMPRESSED)
        return opened
    except ValueError as error:
        raise Unusable("scheme", f'"{uri.partition("://")[0]}://" is not supported: a path, file://, gs:// or s3://') from error
    except (BeamIOError, OSError) as error:
        if any(word in str(error) for word in ("403", "Forbidden", "AccessDenied")):
            raise Unusable("permission", "no permission to read the file") from error
        if not FileSystems.exists(uri):
            raise Unusable("missing", "no such file") from error
        # It is there and can't be read now: a failure of the job, to be tried again, and no property of the delivery.
        raise RuntimeError(f"{uri} can't be read: {error}") from error


def _words(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return str(_unusable(error)) if isinstance(error, OSError) else str(error)
