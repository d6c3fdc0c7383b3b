"""Sidecars: image properties that were measured after their span was written.

Spans are never changed. What `flowers spans measure` adds lies beside them, in DATA_ROOT/measured/span-<N>/<digest>-<id>.parquet: one row
per photo with its digest and the properties. `<digest>` is the span's, so a sidecar of other content under this number is ignored; `<id>`
is the start of the file's sha256, so a sidecar is never changed either, and the ids say which values a reader sees.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from flowers_tfx import features, storage
from flowers_tfx.errors import InputError
from flowers_tfx.storage import BucketPath, StoragePath

FOLDER = "measured"
_NAME = re.compile(r"(?P<digest>[0-9a-z]+)-(?P<id>[0-9a-f]{16})\.parquet")


def sidecar_dir(span_dir: StoragePath) -> StoragePath:
    """Where the sidecars of this span lie."""
    return span_dir.parent / FOLDER / span_dir.name


def sidecar_ids(span_dir: StoragePath, digest: str) -> tuple[str, ...]:
    """Ids of the sidecars of the span with this digest, ascending."""
    folder = sidecar_dir(span_dir)
    if isinstance(folder, Path) and not folder.is_dir():
        return ()
    matches = (_NAME.fullmatch(path.name) for path in folder.iterdir())
    return tuple(sorted(match["id"] for match in matches if match and match["digest"] == digest))


def read_sidecars(span_dir: StoragePath, digest: str, ids: Sequence[str]) -> Iterator[pa.Table]:
    """The tables in the order of `ids`. Raises InputError if a file is missing or damaged."""
    for sidecar in ids:
        path = sidecar_dir(span_dir) / f"{digest}-{sidecar}.parquet"
        hint = "Delete it, and run `flowers spans measure` again."
        try:
            with storage.local_file(path) as file:
                if _file_id(file) != sidecar:
                    raise InputError(f"The measured properties {path} are damaged.", hint)
                yield pq.read_table(file)
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"The measured properties {path} cannot be read: {error}.", hint) from None


def with_sidecars(photos: pd.DataFrame, tables: Sequence[pa.Table]) -> pd.DataFrame:
    """The rows of photos.parquet with the columns that only sidecars have; if two sidecars have a property, the first is used."""
    for table in tables:
        added = [name for name in table.column_names if name not in photos]
        if added:
            values: pd.DataFrame = table.to_pandas(integer_object_nulls=True).set_index(features.DIGEST)[added]
            photos = photos.join(values, on=features.DIGEST)
    return photos


class MeasuredValues:
    """The values of sidecars by the digest of the photo; in columns, since a span can hold a million photos."""

    def __init__(self, tables: Sequence[pa.Table]) -> None:
        # Rows of a sidecar are in the order of digests.
        self._tables = [(table[features.DIGEST].to_numpy().astype("S"), table.drop([features.DIGEST])) for table in tables]

    def for_photo(self, digest: str) -> dict[str, Any]:
        """Empty for a photo that no sidecar has; if two sidecars have a property, the first is used."""
        values: dict[str, Any] = {}
        key = np.bytes_(digest)
        for digests, columns in self._tables:
            row = int(np.searchsorted(digests, key))
            if row < len(digests) and digests[row] == key:
                values = {name: columns[name][row].as_py() for name in columns.column_names} | values
        return values


def write_sidecar(span_dir: StoragePath, digest: str, table: pa.Table) -> StoragePath:
    """Writes the sidecar whole or not at all. Raises InputError if the data root can't be written to."""
    folder = sidecar_dir(span_dir)
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "sidecar.parquet"
        pq.write_table(table, file)
        path = folder / f"{digest}-{_file_id(file)}.parquet"
        if isinstance(path, BucketPath):
            path.upload(file)
            return path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{path.parent} can't be made: {error.strerror}.", "Make the data root writable.") from None
        with storage.atomic_file(path) as unfinished:
            shutil.copyfile(file, unfinished)
        return path


def _file_id(path: Path) -> str:
    return storage.file_sha256(path)[:16]
