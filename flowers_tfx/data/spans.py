"""Spans: the content of a data root, a folder for each delivery. A span becomes visible on a disk by a rename, in a bucket by its
manifest, which is written last. After that only `flowers forget` changes it, and gives it a new digest."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from flowers_tfx import features, storage
from flowers_tfx.class_names import class_name, class_names, with_class_names
from flowers_tfx.data import sidecars
from flowers_tfx.data.photo_edits import PhotoEdits
from flowers_tfx.errors import InputError
from flowers_tfx.storage import BucketPath, StoragePath

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
PHOTOS = "photos.parquet"
REJECTS = "rejects.jsonl"
EARLIER_DIGESTS = "earlier_digests"
LABEL_CONFLICT = "label conflict"  # the start of the reason of such a reject
ROWS_PER_GROUP = 50_000

_ARROW = {"int": pa.int64(), "float": pa.float64(), "string": pa.string()}
_SPAN_NAME = re.compile(r"span-([1-9]\d*)")
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True)
class Span:
    """A span in a folder or a bucket: `manifest` is the content of manifest.json, `digest` that of its photos, `sidecars` the ids of the
    files with properties that were measured later, `edits` what reviewers changed: `manifest` counts what is left."""

    number: int
    path: StoragePath
    digest: str
    manifest: Mapping[str, Any]
    sidecars: tuple[str, ...] = ()
    edits: PhotoEdits = field(default_factory=PhotoEdits)

    @property
    def digests(self) -> tuple[str, ...]:
        """Its digest, and those from before photos were forgotten: decisions, reviews and versions are still about this span."""
        return (self.digest, *map(str, self.manifest.get(EARLIER_DIGESTS, ())))

    @property
    def examples(self) -> int:
        return int(self.manifest["examples"])

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.manifest["labels"])


def photos_schema() -> pa.Schema:
    """Columns of photos.parquet, which has one row per photo."""
    fixed = [(name, pa.string(), False) for name in (features.URI, features.DIGEST, features.LABEL, "split")]
    fixed.append((features.SPAN, pa.int64(), False))
    measured = [(p.name, _ARROW[p.kind], p.optional) for p in features.PROPERTIES]
    return pa.schema([pa.field(name, kind, nullable) for name, kind, nullable in fixed + measured])


def list_spans(data_root: str | os.PathLike[str] | BucketPath, known: Mapping[str, Span] | None = None) -> list[Span]:
    """All spans, by number; none if the folder doesn't exist. InputError for one without a readable manifest; in a bucket a folder
    without one is not a span yet. `known`: spans by their paths that need not be read again."""
    root = data_root_path(data_root)
    if isinstance(root, Path) and not root.is_dir():
        return []
    entries: list[StoragePath] = list(root.iterdir())
    folders = ((int(match[1]), path) for path in entries if (match := _SPAN_NAME.fullmatch(path.name)))
    before = known or {}
    spans = [span for number, path in sorted(folders) if (span := before.get(str(path)) or _open_span(number, path)) is not None]
    if not any(path.name == sidecars.FOLDER for path in entries):
        return spans
    return [span if str(span.path) in before else replace(span, sidecars=sidecars.sidecar_ids(span.path, span.digest)) for span in spans]


def require_span(data_root: str | os.PathLike[str] | BucketPath, number: int) -> Span:
    """Raises InputError if the data root has no span of this number."""
    span = next((span for span in list_spans(data_root) if span.number == number), None)
    if span is None:
        raise InputError(f"The data root {data_root} holds no span {number}.", "`flowers spans` lists them.")
    return span


def current_spans(spans: Sequence[Span]) -> list[Span]:
    """Without those that a later span replaces: a reviewer rejected them, and their photos were delivered again, corrected."""
    replaced = {span.manifest.get("replaces") for span in spans}
    return [span for span in spans if span.number not in replaced]


def next_number(spans: Iterable[Span]) -> int:
    return max((span.number for span in spans), default=0) + 1


def span_dir(data_root: str | os.PathLike[str] | BucketPath, number: int) -> StoragePath:
    return data_root_path(data_root) / f"span-{number}"


def read_photos(span: Span) -> pd.DataFrame:
    """photos.parquet as reviewers left it, and the properties that sidecars add; whole numbers that can be missing come as Int64, so
    that the others stay whole. A property that was not measured in this span has no column."""
    with storage.local_file(span.path / PHOTOS) as path:
        table = pq.read_table(path)
    frame: pd.DataFrame = table.to_pandas(integer_object_nulls=True)
    frame = sidecars.with_sidecars(frame, list(sidecars.read_sidecars(span.path, span.digest, span.sidecars)))
    for prop in features.PROPERTIES:
        if prop.optional and prop.kind == "int" and prop.name in frame:
            frame[prop.name] = frame[prop.name].astype("Int64")
    return span.edits.apply(with_class_names(frame))


def missing_properties(span: Span) -> tuple[str, ...]:
    """The image properties that neither the span nor a sidecar holds: it was written before they were added to the table."""
    # Manifests of older versions do not say what was measured.
    if "properties" in span.manifest:
        names = set(span.manifest["properties"])
    else:
        with storage.local_file(span.path / PHOTOS) as path:
            names = set(pq.read_schema(path).names)
    missing = [name for name in features.PROPERTY_NAMES if name not in names]
    if missing and span.sidecars:
        added = {name for table in sidecars.read_sidecars(span.path, span.digest, span.sidecars) for name in table.column_names}
        missing = [name for name in missing if name not in added]
    return tuple(missing)


def processed_photos(span: Span) -> Iterator[tuple[str, str]]:
    """Digest and label of every photo that this span holds or rejected."""
    with storage.local_file(span.path / PHOTOS) as path:
        for photos in pq.ParquetFile(path).iter_batches(columns=[features.DIGEST, features.LABEL]):
            digests, labels = (photos.column(i).to_pylist() for i in range(2))
            yield from zip(digests, class_names(labels), strict=True)
    with (span.path / REJECTS).open(encoding="utf-8") as lines:
        for reject in map(json.loads, lines):
            if reject.get("digest"):
                yield reject["digest"], class_name(reject["label"])


def canonical(row: Mapping[str, Any]) -> str:
    """The row of a photo as it enters the span's digest: without origin and time."""
    return _CANONICAL.encode({key: value for key, value in row.items() if key not in (features.URI, features.SPAN)})


def span_digest(rows: Iterable[Mapping[str, Any]]) -> str:
    """sha256 over the canonical rows, one per line, in the order of the photos' digests."""
    digest = hashlib.sha256()
    for row in sorted(rows, key=lambda row: str(row[features.DIGEST])):
        digest.update(canonical(row).encode() + b"\n")
    return digest.hexdigest()


def data_root_path(data_root: str | os.PathLike[str] | BucketPath) -> StoragePath:
    """The path of a data root, absolute on a disk. InputError for anything but a folder on a disk or in a bucket."""
    root = storage.storage_path(data_root)
    return root.absolute() if isinstance(root, Path) else root


def _with_class_names(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest with class names as `class_name` spells them: older versions may have spelled them differently."""
    labels = list(dict.fromkeys(class_names(manifest.get("labels", ()))))
    by_split = {split: _spell_counts(counts) for split, counts in manifest.get("label_counts_by_split", {}).items()}
    counts = _spell_counts(manifest.get("label_counts", {}))
    spelled = {"labels": labels, "label_counts": counts, "label_counts_by_split": by_split}
    return {**manifest, **{key: value for key, value in spelled.items() if key in manifest}}


def _spell_counts(counts: Mapping[str, int]) -> dict[str, int]:
    spelled: Counter[str] = Counter()
    for label, count in counts.items():
        spelled[class_name(label)] += count
    return dict(spelled)


def _open_span(number: int, path: StoragePath) -> Span | None:
    hint = "Spans are whole or absent: move the folder out of the data root, or restore it from a copy."
    try:
        manifest = _with_class_names(json.loads((path / MANIFEST).read_text(encoding="utf-8")))
        span = Span(number, path, str(manifest["digest"]), manifest)
        version = manifest["format_version"]
        if manifest["span"] != number:
            raise InputError(f"{path} says that it is span {manifest['span']}.", hint)
    except FileNotFoundError as error:
        if isinstance(path, BucketPath):
            return None
        raise InputError(f"{path} has no readable {MANIFEST}.", hint) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} has no readable {MANIFEST}.", hint) from error
    if version != FORMAT_VERSION:
        raise InputError(f"{path} has format {version}, this program reads {FORMAT_VERSION}.", "Use the version that wrote it.")
    return span
