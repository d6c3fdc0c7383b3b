"""Reads what `flowers serve` recorded, as a pandas frame."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from flowers_tfx import features
from flowers_tfx.errors import InputError
from flowers_tfx.monitoring.embedding_text import read_embedding
from flowers_tfx.monitoring.record_columns import COLUMNS, ID, PHOTO, PROBABILITIES, TIME, VERSION, Column
from flowers_tfx.monitoring.segments import ClosedSegment, Row, list_segments, read_open_segment
from flowers_tfx.storage import StoragePath, local_file, storage_path

_HINT = "Name the folder that serving.record_dir names."
_ATTEMPTS = 5  # the service closes a segment while it is read: at most once in this time
_DTYPES = {"int": "Int64", "float": "float64", "bool": "boolean"}


def read_records(
    folder: str,
    *,
    since: datetime | None = None,
    last: int | None = None,
    version: int | None = None,
    ids: Collection[str] | None = None,
    embeddings: bool = True,
) -> pd.DataFrame:
    """A row for each answered photo, the oldest first: the columns of `record_columns`, and `uri`, which names the request.

    `folder`: of this machine or in a bucket; the service may be writing to it. `since`: with a time zone. `ids`: only these requests; with
    few of them, little is in memory at a time. `last`: the newest rows of those that the others leave. Photos that were not measured have
    no properties. `embeddings`: False leaves them out, 5 kB a photo.
    Raises InputError if the folder cannot be read or a file in it is damaged.
    """
    path = storage_path(folder)
    try:
        if not path.is_dir():
            raise InputError(f"{folder} is not a folder with records.", _HINT)
        frame = _read_whole(path, _Choice(since, version, ids), last, embeddings)
    except OSError as error:
        raise InputError(f"The records in {folder} cannot be read: {error.strerror or error}.", _HINT) from None
    frame[features.URI] = frame[ID] + "/" + frame[PHOTO].astype("string")
    return frame


@dataclass(frozen=True)
class _Choice:
    since: datetime | None
    version: int | None
    ids: Collection[str] | None

    def rows(self, frame: pd.DataFrame) -> pd.DataFrame:
        if self.since is not None:
            frame = frame[frame[TIME] >= pd.Timestamp(self.since)]
        if self.version is not None:
            frame = frame[frame[VERSION] == self.version]
        return frame if self.ids is None else frame[frame[ID].isin(self.ids)]


def _read_whole(path: StoragePath, choice: _Choice, last: int | None, embeddings: bool) -> pd.DataFrame:
    """Again from the start when a segment was closed, or deleted for its age, between listing and reading."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return _read(path, choice, last, embeddings)
        except FileNotFoundError:
            continue
    return _read(path, choice, last, embeddings)


def _read(path: StoragePath, choice: _Choice, last: int | None, embeddings: bool) -> pd.DataFrame:
    columns = [column for column in COLUMNS if embeddings or column.name != features.EMBEDDING]
    segments = list_segments(path)
    frames = [choice.rows(_frame(read_open_segment(path, segment), columns)) for segment in segments.open]
    found = sum(map(len, frames))
    oldest = min((frame[TIME].min() for frame in frames if len(frame)), default=None)
    for closed in sorted(segments.closed, key=lambda one: -one.end_ms):
        end = pd.Timestamp(closed.end_ms, unit="ms", tz="UTC")
        if choice.since is not None and end < pd.Timestamp(choice.since):
            break  # and so are all others
        if last is not None and found >= last and oldest is not None and end < oldest:
            break
        frame = choice.rows(_read_closed(closed, columns))
        if len(frame):
            found += len(frame)
            oldest = frame[TIME].min() if oldest is None else min(oldest, frame[TIME].min())
            frames.append(frame)
    frames = [frame for frame in frames if len(frame)] or [_frame([], columns)]
    rows = pd.concat(frames, ignore_index=True).sort_values([TIME, ID, PHOTO], kind="stable", ignore_index=True)
    return rows.iloc[-last:].reset_index(drop=True) if last else rows


def _read_closed(closed: ClosedSegment, columns: Sequence[Column]) -> pd.DataFrame:
    """A column that a file does not have, since it was recorded by an older program, is empty."""
    try:
        with local_file(closed.path) as copy, copy.open("rb") as file:
            parquet = pq.ParquetFile(file)
            names = [column.name for column in columns if column.name in parquet.schema_arrow.names]
            table = parquet.read(names)
        return pd.DataFrame({column.name: _column(column, _values(table, column.name)) for column in columns})
    except OSError as error:
        if error.errno is not None:
            raise
        raise _damaged(closed, error) from None  # Arrow's own: pages that cannot be unpacked
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise _damaged(closed, error) from None


def _damaged(closed: ClosedSegment, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:200].rstrip(".")
    return InputError(f"{closed.path} is damaged: {reason}.", "Move it away: its answers are lost, and the others are read.")


def _values(table: pa.Table, name: str) -> Iterable[Any]:
    """Lists as arrays; whole numbers, and times in microseconds, as they are."""
    if name not in table.column_names:
        return [None] * len(table)
    column = table[name].cast(pa.int64()) if name == TIME else table[name]
    values: Iterable[Any] = column.to_pandas(integer_object_nulls=True)
    return values


def _frame(rows: Sequence[Row], columns: Sequence[Column]) -> pd.DataFrame:
    """Of an open segment."""
    return pd.DataFrame({column.name: _column(column, [_value(column, row) for row in rows]) for column in columns})


def _value(column: Column, row: Row) -> Any:
    value = row.get(column.name)
    if value is None or column.kind != "floats":
        return value
    return np.asarray(value, np.float32) if column.name == PROBABILITIES else read_embedding(value)


def _column(column: Column, values: Iterable[Any]) -> Any:
    if column.kind == "time":
        return pd.to_datetime(pd.Series(list(values), dtype="int64"), unit="us", utc=True).astype("datetime64[ns, UTC]")
    return pd.Series(list(values), dtype=_DTYPES.get(column.kind, "object"))  # type: ignore[arg-type]
