"""Spans as small as decisions on photos need them: a manifest and three columns of photos.parquet."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from flowers_tfx.data.spans import FORMAT_VERSION
from flowers_tfx.features import SPLITS
from flowers_tfx.storage import StoragePath

CLASSES = ("daisy", "roses", "tulips")


def digest_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def write_span(root: StoragePath, number: int, photos: int = 12, **changes: object) -> list[str]:
    """Returns the digests of the photos: daisies at even positions, roses at odd ones, in turns in the three splits."""
    rows = [(digest_of(f"{number}-{n}"), CLASSES[n % 2], SPLITS[n // 2 % 3]) for n in range(photos)]
    columns = dict(zip(("digest", "label", "split"), map(list, zip(*rows, strict=True)), strict=True))
    splits, labels = Counter(columns["split"]), Counter(columns["label"])
    manifest = {
        "format_version": FORMAT_VERSION,
        "span": number,
        "digest": digest_of(f"span-{number}"),
        "examples": photos,
        "labels": list(CLASSES[:2]),
        "splits": {split: splits[split] for split in SPLITS},
        "label_counts": {label: labels[label] for label in CLASSES[:2]},
        **changes,
    }
    folder = root / f"span-{number}"
    if isinstance(folder, Path):
        folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        local = Path(scratch) / "photos.parquet"
        pq.write_table(pa.table({**columns, "uri": [f"{digest[:6]}.jpg" for digest in columns["digest"]]}), local)
        (folder / "photos.parquet").write_bytes(local.read_bytes())
    (folder / "manifest.json").write_bytes(json.dumps(manifest).encode())
    return columns["digest"]
