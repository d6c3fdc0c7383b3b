"""A delivery: a CSV of `uri,label` lines beside a labels file, read line by line; an unusable line becomes a reject with a
reason."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from flowers_tfx.class_names import class_name
from flowers_tfx.data import photo_cache, uris
from flowers_tfx.data import spans as span_store
from flowers_tfx.data.uris import UnusableLine
from flowers_tfx.errors import InputError

LINES_PER_CHUNK = 128
READ_THREADS = 8


@dataclass(frozen=True)
class Chunk:
    """Some lines of a CSV: where they start, the number of the first (from 1), and how many."""

    offset: int
    first_line: int
    lines: int


@dataclass(frozen=True)
class Survey:
    """What the CSV shows without reading photos: its chunks, and the total bytes of the photos on this machine's disks."""

    chunks: tuple[Chunk, ...]
    lines: int
    local_bytes: int


@dataclass(frozen=True)
class Line:
    """A line and its photo: the digest, or the reason for a reject. `uri` and `label` are printable."""

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
        """32 bytes that identify what was delivered, independent of line order, file names and times."""
        parts = ("photo", self.digest.hex(), self.label) if self.digest else (self.kind, self.uri, self.label)
        return hashlib.sha256("\0".join(parts).encode()).digest()


@dataclass(frozen=True)
class DeliveryState:
    """A delivery's content (`digest`), and how many of its lines name a photo that no span has or rejected (`pending`)."""

    digest: str
    pending: int


def read_labels(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """The classes, one per line, in the file's order. InputError for an unreadable or empty file, blank lines, a name given twice."""
    hint = "A labels file holds one class name a line, such as the dict.txt that `flowers dataset index` writes."
    try:
        with uris.open_binary(os.fspath(path)) as file:
            text = file.read().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The labels file {path} can't be read: {_reason(error)}.", hint) from error
    labels = tuple(class_name(line) for line in text.splitlines())
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
    base = uris.folder(csv_uri)
    try:
        with uris.open_binary(csv_uri) as file:
            while block := list(islice(file, LINES_PER_CHUNK)):
                chunks.append(Chunk(offset, lines + 1, len(block)))
                local_bytes += sum(_local_bytes(raw, base) for raw in block)
                offset += sum(map(len, block))
                lines += len(block)
    except (OSError, UnusableLine) as error:
        raise InputError(
            f"The delivery {csv_uri} can't be read: {_reason(error)}.",
            "Name a CSV of `uri,label` lines, such as the one that `flowers dataset index` writes.",
        ) from error
    if not lines:
        raise InputError(f"The delivery {csv_uri} is empty.", "It must hold one `uri,label` line a photo.")
    return Survey(tuple(chunks), lines, local_bytes)


def read_chunk(csv_uri: str, chunk: Chunk) -> Iterator[tuple[int, bytes]]:
    """The chunk's lines with their numbers. RuntimeError when the CSV has become shorter since the survey."""
    with uris.open_binary(csv_uri) as file:
        file.seek(chunk.offset)
        block = list(islice(file, chunk.lines))
    if len(block) != chunk.lines:
        raise RuntimeError(f"{csv_uri} changed while it was read")
    return enumerate(block, chunk.first_line)


def read_line(number: int, raw: bytes, base: str, labels: Container[str], keep: Callable[[bytes, bytes], None] | None = None) -> Line:
    """The line with the digest of its photo, which is read once. `keep(digest, data)` gets the bytes of a photo that is not too large."""
    uri, label = "", ""
    path = b""
    try:
        uri, label = _fields(raw)
        if label not in labels:
            raise UnusableLine("label", f'unknown label "{visible(label)}"')
        path = uris.resolve(uri, base).encode("utf-8", "surrogateescape")
        file = uris.hash_file(path, photo_cache.MAX_PHOTO_BYTES if keep else 0)
        if keep and file.data is not None:
            keep(file.digest, file.data)
        return Line(number, printable(uri), label, path, file.digest, file.size)
    except UnusableLine as error:
        if not uri:
            uri = raw.rstrip(b"\r\n").decode("utf-8", "backslashreplace")
        return Line(number, printable(uri), printable(label), path, kind=error.kind, reason=str(error))


def delivery_state(csv_uri: str, labels: Iterable[str], spans: Sequence[span_store.Span], forgotten: Iterable[str] = ()) -> DeliveryState:
    """Reads every photo of the delivery: the state that `ingest` would find. `forgotten`: digests of photos that are not taken in.
    InputError as in `survey`."""
    refused = frozenset(map(bytes.fromhex, forgotten))
    current = span_store.current_spans(spans)
    known_photos = {bytes.fromhex(digest) + label.encode() for span in current for digest, label in span_store.processed_photos(span)}
    base, names = uris.folder(csv_uri), frozenset(map(class_name, labels))
    contents: list[bytes] = []
    pending = 0

    def read(chunk: Chunk) -> list[tuple[bytes, bool]]:
        lines = [read_line(number, raw, base, names) for number, raw in read_chunk(csv_uri, chunk)]
        return [(line.content, is_new(line)) for line in lines]

    def is_new(line: Line) -> bool:
        return bool(line.digest) and line.digest not in refused and line.digest + line.label.encode() not in known_photos

    chunks = survey(csv_uri).chunks
    with ThreadPoolExecutor(READ_THREADS) as pool:
        # map() submits everything at once: a limited number of chunks keeps the futures few.
        for start in range(0, len(chunks), 1024):
            for lines in pool.map(read, chunks[start : start + 1024]):
                contents += [content for content, _ in lines]
                pending += sum(new for _, new in lines)
    return DeliveryState(content_digest(contents), pending)


def content_digest(contents: Iterable[bytes]) -> str:
    return hashlib.sha256(b"".join(sorted(contents))).hexdigest()


def printable(text: str) -> str:
    r"""Bytes that are not UTF-8 are written as \xNN: JSON, parquet and Examples take nothing else."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def visible(text: str) -> str:
    r"""As `printable`, with every invisible character, such as a line break or a space without width, as an escape: \n, \u200b."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in printable(text))


def _fields(raw: bytes) -> tuple[str, str]:
    text = raw.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n").decode("utf-8", "surrogateescape")
    if not text.strip():
        raise UnusableLine("blank", "blank line")
    if "\0" in text:
        raise UnusableLine("malformed", "a NUL byte in the line")
    if '"' in text:
        try:
            # Each line is a record, so that a missing quote costs only one line.
            fields = next(csv.reader([text], strict=True))
        except csv.Error as error:
            raise UnusableLine("malformed", f"not a line of CSV: {error}") from error
    else:
        fields = [field.strip() for field in text.split(",")]
    if len(fields) != 2:
        raise UnusableLine("fields", f"{len(fields)} field{'s' * (len(fields) != 1)} instead of 2 (uri,label)")
    if not fields[0]:
        raise UnusableLine("uri", "no URI")
    return fields[0], class_name(fields[1])


def _local_bytes(raw: bytes, base: str) -> int:
    try:
        path = uris.resolve(_fields(raw)[0], base)
        return 0 if "://" in path else os.stat(path).st_size
    except (OSError, UnusableLine, ValueError):
        return 0


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return str(uris.unusable_line(error)) if isinstance(error, OSError) else str(error)
