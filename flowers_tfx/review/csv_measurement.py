"""A table of the photos of a CSV, as `flowers dataset measure` writes it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from flowers_tfx import features
from flowers_tfx.config import PipelineConfig
from flowers_tfx.data import uris
from flowers_tfx.data.csv_tables import measure_csv
from flowers_tfx.data.tables import Table, write_table
from flowers_tfx.progress import ProgressCallback
from flowers_tfx.review.embeddings import load_embedder
from flowers_tfx.storage import check_target


def measure_photos(config: PipelineConfig, csv: str, out: Path, weights: str | None, progress: ProgressCallback) -> dict[str, Any]:
    """Writes the per-photo table; without weights its column `embedding` is empty."""
    started = time.monotonic()
    check_target(out, "--out")
    embedder = load_embedder(config.model, weights) if weights else None
    network = embedder.name if embedder else ""
    measured = measure_csv(csv, config.ingest.max_pixels, embedder, progress)
    frame = measured.frame if features.EMBEDDING in measured.frame else measured.frame.assign(**{features.EMBEDDING: None})
    write_table(out, Table(frame, network, len(measured.rejects), uris.folder(csv), tuple(measured.rejects)))
    return {
        "table": str(out),
        "photos": len(frame),
        "rejected": len(measured.rejects),
        "lines": measured.lines,
        "reasons": measured.reasons,
        "embedding": network or None,
        "seconds": round(time.monotonic() - started, 3),
    }
