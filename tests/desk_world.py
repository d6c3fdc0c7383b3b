"""Spans with drawn photos, and reviews of them, for the desk of reviewers: on a disk or in a bucket, without a run."""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from flowers_tfx.config import PipelineConfig
from flowers_tfx.data.records import RecordWriter, example_bytes
from flowers_tfx.data.spans import FORMAT_VERSION
from flowers_tfx.features import SPLITS
from flowers_tfx.review.stored_reviews import HTML, JSON, MARKDOWN, store_review
from flowers_tfx.storage import storage_path
from tests.conftest import small_photo

CLASSES = ("daisy", "roses", "tulips")
LUMA, SIZE, LABELS = "property:mean_luma", "property:height_px", "label:consistency"
GROUP = "group-1"
REPORT = "<!doctype html><html lang=en><title>Report</title><style>p{color:green}</style><h1>The report of span %s</h1><p>All of it.</p>"


def write_span(root: str, number: int, photos: int = 12) -> list[str]:
    """Returns the digests of the photos, which are of three classes in turns, in one shard."""
    pictures = [small_photo(1000 * number + n, hue=n) for n in range(photos)]
    digests = [hashlib.sha256(picture).hexdigest() for picture in pictures]
    rows = [
        {"uri": f"evening/{n:03}.jpg", "digest": digest, "label": CLASSES[n % 3], "split": SPLITS[n % 3], "span": number}
        for n, digest in enumerate(digests)
    ]
    splits, labels = (Counter(row[name] for row in rows) for name in ("split", "label"))
    manifest = {
        "format_version": FORMAT_VERSION,
        "span": number,
        "digest": span_digest(number),
        "created": f"2026-11-{number:02}T09:00:00+00:00",
        "examples": photos,
        "labels": list(CLASSES),
        "splits": {split: splits[split] for split in SPLITS},
        "label_counts": dict(labels),
        "known": 0,
        "duplicates": 0,
        "rejected": 0,
    }
    shard, table = io.BytesIO(), io.BytesIO()
    writer = RecordWriter(shard)
    for row, picture in zip(rows, pictures, strict=True):
        writer.write(example_bytes({**row, "image": picture}))
    writer.close()
    pq.write_table(pa.Table.from_pylist(rows), table)
    files = {"train-00000-of-00001.tfrecord.gz": shard, "photos.parquet": table, "manifest.json": io.BytesIO(json.dumps(manifest).encode())}
    folder = storage_path(root) / f"span-{number}"
    if isinstance(folder, Path):
        folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content.getvalue())
    return digests


def span_digest(number: int) -> str:
    return hashlib.sha256(f"span-{number}".encode()).hexdigest()


def finding(id_: str, level: str, message: str, photos: Sequence[str] = ()) -> dict[str, Any]:
    kind, _, feature = id_.partition(":")
    examples = [{"uri": f"evening/{digest[:6]}.jpg", "digest": digest, "label": "daisy", "value": None} for digest in photos]
    measured = {"statistic": 9.0, "p_value": 0.001, "effect": 40.0, "unit": "points", "threshold": 25.0}
    return {"id": id_, "level": level, "kind": kind, "feature": feature, **measured, "message": message, "examples": examples}


def write_review(root: str, spans: Mapping[int, Sequence[str]], minute: int = 0, **changes: Any) -> str:
    """A review that stops the run, of these spans with the digests of their photos; returns its name."""
    photos = [digest for digests in spans.values() for digest in digests]
    numbers = list(spans)
    review = {
        "verdict": "blocked",
        "findings": [
            finding(LUMA, "error", "Brightness: median 110 -> 40."),
            finding(SIZE, "error", "Height: median 309 -> 155 px."),
            finding(LABELS, "warn", "Labels contradict the pictures.", photos[:3]),
        ],
        "scores": {"mean_luma": {"kolmogorov_smirnov": 0.4 + minute / 100}, "height_px": {"kolmogorov_smirnov": 0.2}},
        "compared_with": {"kind": "serving", "version": 7, "digest": "d", "photos": 500},
        "new": {"spans": numbers, "digest": "n", "photos": len(photos)},
        "decisions": [],
        "digest": "r",
        "harm": {"accuracy": 0.71, "baseline_accuracy": 0.9, "estimated": True},
        "groups": [
            {
                "id": GROUP,
                "words": "4 photos: 48 x 40 px, dark",
                "photos": photos[:4],
                "findings": [LUMA],
                "accuracy": 0.5,
                "verdict_without": "pass",
            }
        ],
        "power": {},
        "story": "Darker and smaller: evening pictures of another camera.",
        "created": f"2026-11-20T10:{minute:02}:00+00:00",
        "run_id": "run",
        "new_spans": [{"span": number, "digest": span_digest(number)} for number in numbers],
        **changes,
    }
    name = f"{'-'.join(map(str, numbers))}-run{minute}"
    files = {HTML: REPORT % numbers, MARKDOWN: "# Report\n", JSON: json.dumps(review)}
    store_review(root, name, files)
    return name


def pipeline_config(home: str, name: str = "garden", **review: Any) -> PipelineConfig:
    """`home`: a folder, or a place in a bucket."""
    settings = {"name": name, "data_root": f"{home}/data", "pipeline_root": f"{home}/pipeline", "registry": f"{home}/registry"}
    return PipelineConfig.model_validate({**settings, "review": review})


def reviews_root(config: PipelineConfig) -> str:
    """Where the reviews of a run with this configuration are stored."""
    return config.data_root if config.pipeline_root.startswith("s3://") else config.pipeline_root
