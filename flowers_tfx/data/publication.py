"""Makes a span from the workers' files: merges rows into photos.parquet, gives shards their final names, writes the manifest."""

from __future__ import annotations

import heapq
import json
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from hashlib import sha256
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import flowers_tfx
from flowers_tfx import features, storage
from flowers_tfx.data import records, spans

MAX_OPEN_FILES = 128  # files at a time


@dataclass
class PhotoTotals:
    """Counts and digest of all rows."""

    examples: int
    splits: dict[str, int]
    labels: dict[str, int]
    labels_by_split: dict[str, dict[str, int]]
    digest: str


def write_photos(path: Path, rows_paths: Sequence[Path], span: int, labels: tuple[str, ...]) -> PhotoTotals:
    """Writes photos.parquet in the order of digests, whatever the shards were, with memory for one row group and MAX_OPEN_FILES files
    open."""
    schema, digest, counts = spans.photos_schema(), sha256(), Counter[tuple[str, str]]()
    with ExitStack() as stack:
        scratch = stack.enter_context(TemporaryDirectory(dir=path.parent, prefix=".rows-"))
        lines = stack.enter_context(_open_merged(_merge_groups(rows_paths, Path(scratch))))
        parquet = stack.enter_context(pq.ParquetWriter(path, schema))
        while rows := [_row(line, span, digest.update) for line in islice(lines, spans.ROWS_PER_GROUP)]:
            parquet.write_table(pa.Table.from_pylist(rows, schema))
            counts.update((row["split"], row[features.LABEL]) for row in rows)
    by_split = {split: {label: counts[split, label] for label in labels} for split in features.SPLITS}
    splits = {split: sum(by_split[split].values()) for split in features.SPLITS}
    totals = {label: sum(by_split[split][label] for split in features.SPLITS) for label in labels}
    return PhotoTotals(sum(splits.values()), splits, totals, by_split, digest.hexdigest())


@contextmanager
def _open_merged(paths: Sequence[Path]) -> Iterator[Iterator[str]]:
    """The lines of all files in the order of digests, with which every line starts."""
    with ExitStack() as stack:
        yield heapq.merge(*[stack.enter_context(path.open(encoding="utf-8", newline="\n")) for path in paths])


def _merge_groups(paths: Sequence[Path], scratch: Path) -> list[Path]:
    """At most MAX_OPEN_FILES files with the lines of all `paths`: a process can often open only 1,024 files, and a span has three per
    shard."""
    queue = deque(paths)
    while len(queue) > MAX_OPEN_FILES:
        merged = scratch / str(len(queue))
        with (
            _open_merged([queue.popleft() for _ in range(MAX_OPEN_FILES)]) as lines,
            merged.open("w", encoding="utf-8", newline="\n") as out,
        ):
            out.writelines(lines)
        queue.append(merged)
    return list(queue)


def _row(line: str, span: int, update: Any) -> dict[str, Any]:
    _, canonical, uri = line.rstrip("\n").split("\t")
    update(canonical.encode() + b"\n")
    return {**json.loads(canonical), features.URI: json.loads(uri), features.SPAN: span}


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
