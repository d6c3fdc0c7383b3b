"""The files of a folder of records. A segment is what one process recorded from one rotation to the next.

While it is written it is two files of JSON lines, `open-SEGMENT.answers.jsonl` and `open-SEGMENT.measured.jsonl`; then it becomes
`records-SEGMENT-END.parquet`, written under another name and renamed. SEGMENT begins with the time of its first row, END is the time of its
last, both in ms since 1970. A killed process leaves the open files, from which the next one makes the Parquet file. Its writer holds a lock
on each open file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flowers_tfx.monitoring.record_columns import ID, MEASURED, PHOTO
from flowers_tfx.storage import StoragePath

ANSWERS, MEASUREMENTS = "answers", "measured"
KEPT_PHOTOS = "photos"  # folder of the photos that were kept, named by their digests
_OPEN = re.compile(r"open-(?P<segment>\d{13}-[0-9a-f]+)\.(?P<part>answers|measured)\.jsonl")
_CLOSED = re.compile(r"records-(?P<segment>\d{13}-[0-9a-f]+)-(?P<end>\d{13})\.parquet")

Row = dict[str, Any]


def open_name(segment: str, part: str) -> str:
    return f"open-{segment}.{part}.jsonl"


def closed_name(segment: str, end_ms: int) -> str:
    return f"records-{segment}-{end_ms:013d}.parquet"


def segment_name(start_ms: int, writer: str) -> str:
    """`writer`: hexadecimal, of one process."""
    return f"{start_ms:013d}-{writer}"


@dataclass(frozen=True)
class ClosedSegment:
    """`end_ms`: the time of its last row."""

    segment: str
    end_ms: int
    path: StoragePath


@dataclass(frozen=True)
class Segments:
    """What a folder holds. `open`: segments without a Parquet file, in the order of their first rows, as `closed` are."""

    folder: StoragePath
    closed: tuple[ClosedSegment, ...]
    open: tuple[str, ...]


def list_segments(folder: StoragePath) -> Segments:
    """A segment whose open files are still there beside its Parquet file is closed: its process was killed before it deleted them."""
    paths: list[StoragePath] = list(folder.iterdir())
    matches = ((path, _CLOSED.fullmatch(path.name)) for path in paths)
    closed = [ClosedSegment(match["segment"], int(match["end"]), path) for path, match in matches if match]
    done = {one.segment for one in closed}
    opened = tuple(segment for segment in _open_segments(paths) if segment not in done)
    return Segments(folder, tuple(sorted(closed, key=lambda one: one.segment)), opened)


def list_open_segments(folder: StoragePath) -> list[str]:
    """All segments with open files."""
    return _open_segments(list(folder.iterdir()))


def _open_segments(paths: Iterable[StoragePath]) -> list[str]:
    return sorted({match["segment"] for path in paths if (match := _OPEN.fullmatch(path.name))})


def read_open_segment(folder: StoragePath, segment: str) -> list[Row]:
    """The rows so far, as the columns of records have them; embeddings are base64 still. Raises FileNotFoundError if the segment was closed
    meanwhile."""
    answers = _rows(folder / open_name(segment, ANSWERS))
    try:
        measurements = list(_rows(folder / open_name(segment, MEASUREMENTS)))
    except FileNotFoundError:
        measurements = []  # nothing was measured yet
    return merge_rows(answers, measurements)


def merge_rows(answers: Iterable[Row], measurements: Sequence[Row]) -> list[Row]:
    """Each answer with its measurement, if it has one."""
    by_photo = {(row[ID], row[PHOTO]): row for row in measurements}
    merged = []
    for answer in answers:
        measurement = by_photo.get((answer[ID], answer[PHOTO]), {})
        merged.append({**answer, **measurement, MEASURED: bool(measurement)})
    return merged


def _rows(path: StoragePath) -> Iterator[Row]:
    """Whole lines: the last one may be half written, and one that a full disk cut short is passed over."""
    *lines, _ = path.read_bytes().split(b"\n")
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and ID in row and PHOTO in row:
            yield row
