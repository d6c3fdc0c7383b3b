"""A photo that visitors sent to the service: their corrections, and the records of answers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from flowers_tfx import features
from flowers_tfx.config import PipelineConfig
from flowers_tfx.forgetting import text_files
from flowers_tfx.forgetting.rewriting import delete_file, replace_bytes, replace_file
from flowers_tfx.monitoring.closed_segments import FILE_MODE
from flowers_tfx.monitoring.kept_photos import paths_of_photo, read_kept_photos
from flowers_tfx.monitoring.record_columns import ID, PHOTO
from flowers_tfx.monitoring.segments import ANSWERS, KEPT_PHOTOS, MEASUREMENTS, Row, list_segments, open_name
from flowers_tfx.storage import lock

_CORRECTION = "correction of a visitor: removed"
_KEPT = "photo that the service kept: removed"
_RECORD = "record of answers: the photo's rows removed"


def find_visitor_photos(config: PipelineConfig, digest: str) -> dict[Path, str]:
    """Each file that has the photo, or names it, and what becomes of it."""
    corrections = [*text_files.feedback_photos(config, digest), *text_files.feedback_lines(config, digest)]
    places = dict.fromkeys(corrections, _CORRECTION)
    folder = Path(config.serving.record_dir)
    if not config.serving.record_dir or not folder.is_dir():
        return places
    kept = [path for path in paths_of_photo(folder / KEPT_PHOTOS, digest) if isinstance(path, Path) and path.is_file()]
    segments = list_segments(folder)
    closed = [one.path for one in segments.closed if isinstance(one.path, Path) and _is_in_table(one.path, digest)]
    journals = [folder / open_name(segment, ANSWERS) for segment in segments.open]
    opened = [path for path in journals if _is_in_journal(path, digest)]
    return places | dict.fromkeys(kept, _KEPT) | dict.fromkeys([*closed, *opened], _RECORD)


def kept_photo_bytes(config: PipelineConfig, digest: str) -> list[bytes]:
    """The photo if the service kept it: reports on what was served can show its thumbnail."""
    return [photo for _, photo in read_kept_photos(config.serving.record_dir, {digest})] if config.serving.record_dir else []


def remove_visitor_photo(config: PipelineConfig, path: Path, digest: str) -> None:
    """`path`: one that `find_visitor_photos` has found. The service may be writing to the folders."""
    if config.serving.record_dir and path.parent == Path(config.serving.record_dir):
        _remove_rows(path, digest)
        return
    if config.serving.record_dir and path.parent == Path(config.serving.record_dir) / KEPT_PHOTOS:
        delete_file(path)
        return
    # The service holds this lock for moments, when it writes.
    with lock(Path(config.serving.feedback_dir)):
        lines = text_files.feedback_lines(config, digest)
        if path in lines:
            replace_bytes(path, lines[path])
        else:
            delete_file(path)


def _is_in_table(path: Path, digest: str) -> bool:
    try:
        return bool(pc.any(pc.equal(pq.read_table(path, columns=[features.DIGEST])[features.DIGEST], digest)).as_py())
    except FileNotFoundError:
        return False  # it was the oldest, and made room


def _is_in_journal(path: Path, digest: str) -> bool:
    try:
        return digest.encode() in path.read_bytes()
    except FileNotFoundError:
        return False  # it has become a Parquet file: the second look finds that


def _remove_rows(path: Path, digest: str) -> None:
    try:
        if path.suffix == ".parquet":
            _rewrite_table(path, digest)
        else:
            _blank_rows(path, digest)
    except FileNotFoundError:
        return  # as above


def _rewrite_table(path: Path, digest: str) -> None:
    table = pq.read_table(path)
    kept = table.filter(pc.not_equal(table[features.DIGEST], digest))
    if len(kept):
        replace_file(path, lambda unfinished: _write_table(kept, unfinished))
    else:
        delete_file(path)


def _write_table(table: pa.Table, path: Path) -> None:
    path.touch(FILE_MODE)
    pq.write_table(table, path, compression="gzip")


def _blank_rows(answers: Path, digest: str) -> None:
    """Lines become spaces in place, since the service appends to these files meanwhile; readers pass over them. The measurements first: the
    lines of answers say which these are."""
    named: set[tuple[str, int]] = set()

    def has_digest(row: Row) -> bool:
        return row.get(features.DIGEST) == digest

    for line in answers.read_bytes().splitlines():
        if digest.encode() in line and has_digest(row := json.loads(line)):
            named.add((row[ID], row[PHOTO]))
    segment = answers.name.removeprefix("open-").partition(".")[0]
    measurements = answers.parent / open_name(segment, MEASUREMENTS)
    if measurements.is_file():
        _blank_lines(measurements, lambda row: (row.get(ID), row.get(PHOTO)) in named)
    _blank_lines(answers, has_digest)


def _blank_lines(path: Path, is_wanted: Callable[[Row], bool]) -> None:
    *lines, _ = path.read_bytes().split(b"\n")
    descriptor = os.open(path, os.O_WRONLY)
    try:
        start = 0
        for line in lines:
            if _matches(line, is_wanted):
                os.pwrite(descriptor, b" " * len(line), start)
            start += len(line) + 1
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _matches(line: bytes, is_wanted: Callable[[Row], bool]) -> bool:
    try:
        row = json.loads(line)
    except ValueError:
        return False
    return isinstance(row, dict) and is_wanted(row)
