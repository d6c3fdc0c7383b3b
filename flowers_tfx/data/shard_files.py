"""Shards: TFRecord files of new photos and their rows, as workers write them into the work folder of a job."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from apache_beam.io.filesystems import FileSystems

from flowers_tfx import features
from flowers_tfx.data.beam_jobs import create_file
from flowers_tfx.data.photo_rows import RowsWriter
from flowers_tfx.data.photos import Photo
from flowers_tfx.data.properties import Value
from flowers_tfx.data.records import RecordWriter, example_bytes


class ShardFile:
    """A shard of a split, and beside it a file of rows named `.rows`, which is not there when no photo is written."""

    def __init__(self, work_dir: str, split: str, index: int, span: int) -> None:
        self._split, self._index, self._span = split, index, span
        # A retried bundle writes other files: only those in the ledger are used.
        self._path = FileSystems.join(work_dir, f"{split}-{index}.{uuid.uuid4().hex}")
        self._rows: RowsWriter | None = None
        self._duplicates = self._written = 0

    def __enter__(self) -> ShardFile:
        with ExitStack() as files:
            self._records = RecordWriter(files.enter_context(create_file(self._path)))
            self._files = files.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._files.__exit__(*error)

    def write(self, photo: Photo, measured: Mapping[str, Value], duplicates: int) -> None:
        """`duplicates`: further lines of the delivery that list the photo."""
        row = {
            features.URI: photo.uri,
            features.DIGEST: photo.digest,
            features.LABEL: photo.label,
            "split": self._split,
            features.SPAN: self._span,
            **measured,
        }
        columns = {name: value for name, value in row.items() if value is not None and name != "split"}
        self._records.write(example_bytes({**columns, features.IMAGE: photo.data}))
        if self._rows is None:
            self._rows = RowsWriter(self._files.enter_context(create_file(f"{self._path}.rows")))
        self._rows.write(row)
        self._duplicates += duplicates
        self._written += 1

    def close(self) -> dict[str, Any]:
        """Ends the files and returns the shard's entry in the ledger."""
        if self._rows is not None:
            self._rows.close()
        sha256 = self._records.close()
        return {
            "split": self._split,
            "index": self._index,
            "path": self._path,
            "bytes": self._records.bytes,
            "sha256": sha256,
            "duplicates": self._duplicates,
            "rows": self._written,
        }
