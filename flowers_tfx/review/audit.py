"""The audit of a delivery before ingest: the review of its photos, and labels that are probably wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flowers_tfx.data import uris
from flowers_tfx.data.csv_tables import measure_csv
from flowers_tfx.data.delivery import read_labels
from flowers_tfx.data.tables import Table, write_table
from flowers_tfx.errors import InputError
from flowers_tfx.progress import ProgressCallback
from flowers_tfx.review.comparison import compare_sides
from flowers_tfx.review.embeddings import PhotoEmbedder
from flowers_tfx.review.pages import comparison_page, write_page
from flowers_tfx.review.sides import Side, table_side
from flowers_tfx.review.suspects_page import MOST, render_suspects
from flowers_tfx.review.thumbnails import SMALL, make_thumbnails
from flowers_tfx.validation import Policy, Review
from flowers_tfx.validation.suspects import Suspect, label_suspects

TABLE, REVIEW, SUSPECTS, JSON = "photos.parquet", "review.html", "suspects.html", "audit.json"


@dataclass(frozen=True)
class Audit:
    """`no_suspects`: why labels were not examined; empty if they were."""

    review: Review
    suspects: tuple[Suspect, ...]
    no_suspects: str
    photos: int
    rejected: int
    out: Path

    def as_json(self) -> dict[str, Any]:
        return {
            "verdict": self.review.verdict,
            "photos": self.photos,
            "rejected": self.rejected,
            "review": self.review.as_json(),
            "suspects": [suspect.as_json() for suspect in self.suspects],
            "labels_not_looked_at": self.no_suspects or None,
            "reports": {"review": str(self.out / REVIEW), "suspects": str(self.out / SUSPECTS)},
            "table": str(self.out / TABLE),
        }


def make_out_dir(out: Path) -> None:
    """Raises InputError if it cannot be created."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder {out} cannot be made: {error.strerror}.", "Name another one with --out.") from None


def audit_csv(
    csv: str,
    labels: str | None,
    out: Path,
    baseline: Side | None,
    policy: Policy,
    max_pixels: int,
    embedder: PhotoEmbedder | None,
    progress: ProgressCallback,
    language: str,
) -> Audit:
    """Audits a CSV: writes the table, both pages and audit.json into `out`. `labels`: a file of class names; lines with other labels are
    rejected."""
    allowed = frozenset(read_labels(labels)) if labels else None
    measured = measure_csv(csv, max_pixels, embedder, progress, allowed)
    network = embedder.name if embedder else ""
    table = Table(measured.frame, network, len(measured.rejects), uris.folder(csv), tuple(measured.rejects))
    write_table(out / TABLE, table)
    new = replace(table_side(TABLE, table), as_new={"name": Path(csv).name})
    comparison = compare_sides(baseline, new, policy)
    write_page(out / REVIEW, comparison_page(comparison, language), "--out")
    suspects, why_none = _suspects(table)
    thumbnails = make_thumbnails([new], {suspect.digest for suspect in suspects[:MOST]}, size=SMALL)
    write_page(out / SUSPECTS, render_suspects(suspects, len(table.frame), thumbnails, Path(csv).name, why_none), "--out")
    audit = Audit(comparison.review, tuple(suspects), why_none, len(table.frame), len(measured.rejects), out)
    write_page(out / JSON, json.dumps(audit.as_json(), indent=2, ensure_ascii=False), "--out")
    return audit


def _suspects(table: Table) -> tuple[list[Suspect], str]:
    try:
        return label_suspects(table.frame), ""
    except InputError as error:
        return [], f"{error.message} {error.hint}".strip()
