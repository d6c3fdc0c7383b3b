"""A version of the registry without a photo: its baseline, and the page that explains it. The model itself stays as it was trained."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from tensorflow_metadata.proto.v0 import statistics_pb2

from flowers_tfx import features, registry
from flowers_tfx.forgetting.photo_traces import Traces
from flowers_tfx.forgetting.rewriting import delete_file, replace_bytes
from flowers_tfx.review.thumbnails import THUMBNAILS
from flowers_tfx.storage import StoragePath, file_sizes, local_file

_STATISTICS = ".pb"
_TABLE = ".parquet"


def baseline_traces(folder: StoragePath, traces: Traces) -> Iterator[StoragePath]:
    """The files of a version's baseline that name the photo."""
    home = folder / registry.BASELINE_DIR
    for name in file_sizes(home):
        path = home / name
        table = name.endswith(_TABLE) and len(_read(path)) > len(_table_without(path, traces))
        if table or (name.endswith(_STATISTICS) and _statistics_without(path, traces) is not None):
            yield path


def thumbnails_of(folder: StoragePath, digest: str) -> list[bytes]:
    """Stored thumbnails of the photo in a version's baseline."""
    home = folder / registry.BASELINE_DIR
    found: list[bytes] = []
    for name in file_sizes(home):
        if name.endswith(THUMBNAILS):
            table = _read(home / name)
            found += table.filter(pc.equal(table["digest"], digest))["jpeg"].to_pylist()
    return found


def remove_from_baseline(folder: StoragePath, traces: Traces) -> None:
    """The record, which says whether the files are whole, comes last."""
    home = folder / registry.BASELINE_DIR
    for path in list(baseline_traces(folder, traces)):
        if path.name.endswith(_TABLE):
            sink = pa.BufferOutputStream()
            pq.write_table(_table_without(path, traces), sink)
            replace_bytes(path, sink.getvalue().to_pybytes())
        else:
            replace_bytes(path, _statistics_without(path, traces) or b"")
    record_file = home / registry.BASELINE_FILE
    record: dict[str, Any] = json.loads(record_file.read_text(encoding="utf-8"))
    record |= {"files": registry.baseline_files_digest(home)}
    replace_bytes(record_file, (json.dumps(record, indent=2) + "\n").encode())


def names_in_explanations(folder: StoragePath, traces: Traces) -> bool:
    """Whether the page that explains the version shows the photo: maps and crops of it cannot be told from those of others."""
    file = folder / registry.EXPLANATIONS_DIR / registry.EXPLANATIONS_FILE
    if not file.is_file():
        return False
    data = file.read_bytes()
    return traces.edit(data) != data


def remove_explanations(folder: StoragePath) -> None:
    """The record first: without it there is no page."""
    home = folder / registry.EXPLANATIONS_DIR
    record = registry.EXPLANATIONS_RECORD
    for name in sorted(file_sizes(home), key=lambda name: name != record):
        delete_file(home / name)


def _read(path: StoragePath) -> pa.Table:
    with local_file(path) as local:
        return pq.read_table(local)


def _table_without(path: StoragePath, traces: Traces) -> pa.Table:
    table = _read(path)
    if features.DIGEST not in table.column_names:
        return table
    return table.filter(pc.not_equal(table[features.DIGEST], traces.digest))


def _statistics_without(path: StoragePath, traces: Traces) -> bytes | None:
    """TFDV's statistics without the photo's digest and address among the values that it lists; None if they are not there."""
    statistics = statistics_pb2.DatasetFeatureStatisticsList()
    statistics.ParseFromString(path.read_bytes())
    names, changed = {traces.digest, *traces.uris}, False
    for feature in (feature for dataset in statistics.datasets for feature in dataset.features):
        for values, name in ((feature.string_stats.top_values, "value"), (feature.string_stats.rank_histogram.buckets, "label")):
            for at in reversed(range(len(values))):
                if getattr(values[at], name) in names:
                    del values[at]
                    changed = True
    return statistics.SerializeToString() if changed else None
