"""Makes a span from the workers' files: merges rows into photos.parquet, gives shards their final names, writes the manifest."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import flowers_tfx
from flowers_tfx import features, storage
from flowers_tfx.data import photo_rows, records, spans


@dataclass
class PhotoTotals:
    """Counts and digest of all rows."""

    examples: int
    splits: dict[str, int]
    labels: dict[str, int]
    labels_by_split: dict[str, dict[str, int]]
    digest: str


def write_photos(path: Path, rows_paths: Sequence[Path], labels: tuple[str, ...]) -> PhotoTotals:
    """Writes photos.parquet in the order of digests, whatever the shards were, with memory for one row group and the files of rows that
    are open."""
    schema, digest, counts = spans.photos_schema(), sha256(), Counter[tuple[str, str]]()
    with ExitStack() as stack:
        scratch = stack.enter_context(TemporaryDirectory(dir=path.parent, prefix=".rows-"))
        tables = stack.enter_context(photo_rows.open_rows(rows_paths, Path(scratch)))
        parquet = stack.enter_context(pq.ParquetWriter(path, schema))
        for group in _row_groups(tables):
            for line in group[photo_rows.CANONICAL].to_pylist():
                digest.update(f"{line}\n".encode())
            counts.update(zip(group["split"].to_pylist(), group[features.LABEL].to_pylist(), strict=True))
            parquet.write_table(group.select(schema.names).combine_chunks())
    by_split = {split: {label: counts[split, label] for label in labels} for split in features.SPLITS}
    splits = {split: sum(by_split[split].values()) for split in features.SPLITS}
    totals = {label: sum(by_split[split][label] for split in features.SPLITS) for label in labels}
    return PhotoTotals(sum(splits.values()), splits, totals, by_split, digest.hexdigest())


def _row_groups(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables of ROWS_PER_GROUP, the last one smaller."""
    pending: list[pa.Table] = []
    for table in tables:
        pending.append(table)
        if sum(map(len, pending)) >= spans.ROWS_PER_GROUP:
            rows = pa.concat_tables(pending)
            while len(rows) >= spans.ROWS_PER_GROUP:
                yield rows.slice(0, spans.ROWS_PER_GROUP)
                rows = rows.slice(spans.ROWS_PER_GROUP)
            pending = [rows]
    if any(map(len, pending)):
        yield pa.concat_tables(pending)


def collect_shards(
    scratch: Path, add_file: Callable[[str, str], None], shards: Sequence[Mapping[str, Any]], total: int
) -> dict[str, dict[str, Any]]:
    """Passes each shard file with its final name to `add_file`, an empty one if it has no photos. Returns sizes and sha256 by name."""
    written = {(shard["split"], shard["index"]): shard for shard in shards}
    files: dict[str, dict[str, Any]] = {}
    for split in features.SPLITS:
        for index in range(total):
            name = f"{split}-{index:05d}-of-{total:05d}.tfrecord.gz"
            # A reader's glob must match for every split, even if a small delivery has no photo in it.
            shard = written.get((split, index)) or _empty_shard(scratch / name)
            add_file(shard["path"], name)
            files[name] = {"bytes": shard["bytes"], "sha256": shard["sha256"]}
    return files


def _empty_shard(path: Path) -> dict[str, Any]:
    with path.open("wb") as out:
        writer = records.RecordWriter(out)
        return {"path": str(path), "sha256": writer.close(), "bytes": writer.bytes}


def size_and_sha256(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": storage.file_sha256(path)}


def manifest_text(fields: Mapping[str, Any]) -> str:
    manifest = {
        "format_version": spans.FORMAT_VERSION,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "code_version": flowers_tfx.__version__,
        **fields,
    }
    return json.dumps(manifest, indent=2) + "\n"
