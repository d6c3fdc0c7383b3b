"""A span without one of its photos: shards, rows, rejects, measured properties and manifest, the manifest last."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from flowers_tfx import features
from flowers_tfx.data import sidecars
from flowers_tfx.data.publication import size_and_sha256
from flowers_tfx.data.records import RecordWriter, bytes_feature
from flowers_tfx.data.spans import EARLIER_DIGESTS, MANIFEST, PHOTOS, REJECTS, Span, span_digest
from flowers_tfx.forgetting.rewriting import delete_file, replace_bytes, replace_file
from flowers_tfx.storage import StoragePath, file_sizes, local_file
from flowers_tfx.tfrecords import read_records

_SHARD = ".tfrecord.gz"


def rows_of(span: Span, digest: str) -> list[dict[str, Any]]:
    """The photo's rows: uri, label, split."""
    with local_file(span.path / PHOTOS) as path:
        table = pq.read_table(path, columns=[features.URI, features.DIGEST, features.LABEL, "split"])
    rows: list[dict[str, Any]] = table.filter(pc.equal(table[features.DIGEST], digest)).to_pylist()
    return rows


def rejects_of(span: Span, digest: str) -> list[dict[str, Any]]:
    """Lines of the delivery with this photo that were set aside, such as those with a second label."""
    lines = (json.loads(line) for line in (span.path / REJECTS).read_text(encoding="utf-8").splitlines() if line)
    return [line for line in lines if line.get("digest") == digest]


def digests_at(span: Span, uri: str) -> set[str]:
    """Digests of the photos that came from this address."""
    with local_file(span.path / PHOTOS) as path:
        table = pq.read_table(path, columns=[features.URI, features.DIGEST])
    return set(table.filter(pc.equal(table[features.URI], uri))[features.DIGEST].to_pylist())


def photo_bytes(span: Span, digest: str) -> Iterator[bytes]:
    for name in _shards(span):
        with local_file(span.path / name) as path:
            yield from (bytes_feature(record, features.IMAGE) for record in _records(path) if _digest_of(record) == digest)


def remove_from_span(span: Span, digest: str) -> str:
    """Returns the span's new digest. Doing it again does the same: what is gone already is passed over."""
    files = dict(span.manifest["files"])
    for name in _shards(span):
        if _holds(span.path / name, digest):
            replace_file(span.path / name, lambda target, source=span.path / name: _write_shard(source, target, digest))  # type: ignore[misc]
        with local_file(span.path / name) as path:
            files[name] = size_and_sha256(path)
    table = _without_photo(span.path / PHOTOS, digest)
    after = span_digest(table.to_pylist())
    for ident in span.sidecars:
        _rewrite_sidecar(span, ident, after, digest)
    replace_file(span.path / PHOTOS, lambda target: pq.write_table(table, target))
    rejects = _rewrite_rejects(span, digest)
    for name in {PHOTOS, REJECTS} & files.keys():
        with local_file(span.path / name) as path:
            files[name] = size_and_sha256(path)
    manifest = _manifest(span, table, after, files, rejects)
    replace_bytes(span.path / MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())
    _delete_old_sidecars(span, after)
    return after


def _manifest(span: Span, table: pa.Table, after: str, files: dict[str, Any], rejects: int) -> dict[str, Any]:
    labels = span.manifest["labels"]
    pairs = list(zip(table["split"].to_pylist(), table[features.LABEL].to_pylist(), strict=True))
    by_split = {split: {label: pairs.count((split, label)) for label in labels} for split in features.SPLITS}
    return {
        **span.manifest,
        "digest": after,
        EARLIER_DIGESTS: [earlier for earlier in span.digests if earlier != after],
        "examples": len(table),
        "rejected": rejects,
        "lines": int(span.manifest["lines"]) - (span.examples - len(table)) - (int(span.manifest["rejected"]) - rejects),
        "splits": {split: sum(by_split[split].values()) for split in features.SPLITS},
        "label_counts": {label: sum(by_split[split][label] for split in features.SPLITS) for label in labels},
        "label_counts_by_split": by_split,
        "files": files,
    }


def _shards(span: Span) -> list[str]:
    return [name for name in file_sizes(span.path) if name.endswith(_SHARD)]


def _records(path: Path) -> Iterator[bytes]:
    with gzip.open(path, "rb") as file:
        yield from read_records(file)


def _digest_of(record: bytes) -> str:
    return bytes_feature(record, features.DIGEST).decode()


def _holds(shard: StoragePath, digest: str) -> bool:
    with local_file(shard) as path:
        return any(_digest_of(record) == digest for record in _records(path))


def _write_shard(source: StoragePath, target: Path, digest: str) -> None:
    with local_file(source) as path, target.open("wb") as out:
        writer = RecordWriter(out)
        for record in _records(path):
            if _digest_of(record) != digest:
                writer.write(record)
        writer.close()


def _without_photo(file: StoragePath, digest: str) -> pa.Table:
    with local_file(file) as path:
        table = pq.read_table(path)
    return table.filter(pc.not_equal(table[features.DIGEST], digest))


def _delete_old_sidecars(span: Span, after: str) -> None:
    """Those for the digests from before, also of a time that was interrupted here."""
    home, old = sidecars.sidecar_dir(span.path), set(span.digests) - {after}
    paths: list[StoragePath] = list(home.iterdir()) if home.is_dir() else []
    for path in paths:
        if path.name.partition("-")[0] in old:
            delete_file(path)


def _rewrite_sidecar(span: Span, ident: str, after: str, digest: str) -> None:
    """Under the span's new digest; the same file where the span's digest is the new one already."""
    home = sidecars.sidecar_dir(span.path)
    old = home / f"{span.digest}-{ident}.parquet"
    table = _without_photo(old, digest)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    data = sink.getvalue().to_pybytes()
    name = f"{after}-{sha256(data).hexdigest()[: len(ident)]}.parquet"
    if name != old.name:
        replace_bytes(home / name, data)


def _rewrite_rejects(span: Span, digest: str) -> int:
    """How many lines are left of those that the manifest counts."""
    path = span.path / REJECTS
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line]
    kept = [line for line in lines if json.loads(line).get("digest") != digest]
    if len(kept) < len(lines):
        replace_bytes(path, "".join(f"{line}\n" for line in kept).encode())
    return len(kept)
