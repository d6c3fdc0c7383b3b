"""Writes the Parquet file of a segment."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from flowers_tfx import features
from flowers_tfx.monitoring.embedding_text import read_embedding
from flowers_tfx.monitoring.parquet_file import parquet_bytes
from flowers_tfx.monitoring.record_columns import COLUMNS, TIME
from flowers_tfx.monitoring.segments import Row, closed_name
from flowers_tfx.storage import atomic_file

FILE_MODE, FOLDER_MODE = 0o600, 0o700  # photos and answers are the visitors' own


def write_closed_segment(folder: Path, segment: str, rows: Sequence[Row]) -> Path:
    """`rows`: at least one, with the columns of records; embeddings as arrays or in base64. Raises InputError if nothing can be written."""
    end_ms = max(-(-int(row[TIME]) // 1000) for row in rows)
    path = folder / closed_name(segment, end_ms)
    content = parquet_bytes(COLUMNS, [_with_array(row) for row in rows])
    with atomic_file(path) as unfinished:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    return path


def _with_array(row: Row) -> Row:
    embedding = row.get(features.EMBEDDING)
    return {**row, features.EMBEDDING: read_embedding(embedding)} if isinstance(embedding, str) else row
