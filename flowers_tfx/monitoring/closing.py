"""Makes the Parquet files of segments that nobody writes to any more."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from flowers_tfx.monitoring.closed_segments import write_closed_segment
from flowers_tfx.monitoring.journal import is_at
from flowers_tfx.monitoring.segments import ANSWERS, MEASUREMENTS, Row, list_open_segments, list_segments, open_name, read_open_segment
from flowers_tfx.storage import try_lock


def close_segments(folder: Path, own: Collection[str]) -> None:
    """Closes the segments `own`, whose answers are locked by the process that asks for it, and those that killed processes left. Several
    processes may do this at the same time. Raises InputError or OSError if a file cannot be written: the open files then stay, and
    count."""
    closed = {one.segment for one in list_segments(folder).closed}
    for segment in list_open_segments(folder):
        with _locked(folder, segment, (MEASUREMENTS,) if segment in own else (ANSWERS, MEASUREMENTS)) as is_free:
            if is_free:
                _close(folder, segment, has_file=segment in closed)


def _close(folder: Path, segment: str, has_file: bool) -> None:
    """`has_file`: its Parquet file is there, since a process was killed after it had made it."""
    if not has_file and (rows := _rows(folder, segment)):
        write_closed_segment(folder, segment, rows)
    for part in (ANSWERS, MEASUREMENTS):
        (folder / open_name(segment, part)).unlink(missing_ok=True)


def _rows(folder: Path, segment: str) -> list[Row]:
    """None without a file of answers."""
    try:
        return read_open_segment(folder, segment)
    except FileNotFoundError:
        return []


@contextlib.contextmanager
def _locked(folder: Path, segment: str, parts: Iterable[str]) -> Iterator[bool]:
    """Whether this process, and no other, now has the locks of these open files of the segment."""
    with contextlib.ExitStack() as stack:
        for part in parts:
            path = folder / open_name(segment, part)
            try:
                descriptor = os.open(path, os.O_RDWR)
            except FileNotFoundError:
                continue
            stack.callback(os.close, descriptor)
            if not try_lock(descriptor) or not is_at(descriptor, path):
                yield False
                return
        yield True
