"""`flowers dataset audit`: what the data review would say of a CSV, before anything is taken in, and labels to look at."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowers_tfx import features, registry
from flowers_tfx.cli.measure import embedder
from flowers_tfx.cli.review import Side, open_side, photos_of, report, write_page
from flowers_tfx.config import PipelineConfig
from flowers_tfx.data import pictures, uris
from flowers_tfx.data.delivery import read_labels
from flowers_tfx.data.measured import measure_csv
from flowers_tfx.data.tables import Table, write_table
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.settings import pipeline_schema, review_policy
from flowers_tfx.progress import ProgressCallback
from flowers_tfx.review.report_photos import thumbnail
from flowers_tfx.review.suspects_page import MOST, render_suspects
from flowers_tfx.validation import Delivery, Review, compare, inspect
from flowers_tfx.validation.suspects import Suspect, label_suspects

TABLE, REVIEW, SUSPECTS, JSON = "photos.parquet", "review.html", "suspects.html", "audit.json"


@dataclass(frozen=True)
class Audit:
    review: Review
    suspects: tuple[Suspect, ...]
    no_suspects: str  # why labels were not looked at
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


def audit_csv(
    config: PipelineConfig,
    csv: str,
    labels: str | None,
    out: Path,
    weights: str | None,
    against: Path | None,
    progress: ProgressCallback,
) -> Audit:
    """Writes the table, both pages and audit.json into `out`. Without `against`, the newest published baseline is compared with, if any."""
    allowed = frozenset(read_labels(labels)) if labels else None
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder {out} can't be made: {error.strerror}.", "Name another one with --out.") from None
    policy = review_policy(config, pipeline_schema(config).proto)
    old = open_side(against) if against else _published(config)  # before the photos are measured: it can be wrong
    embed, network = embedder(config, weights) if weights else (None, "")
    measured = measure_csv(csv, config.ingest.max_pixels, embed, progress, allowed)
    table = Table(measured.frame, network, len(measured.rejects), uris.folder(csv), tuple(measured.rejects))
    write_table(out / TABLE, table)
    new = Side(out / TABLE, table, None)
    delivery = Delivery(len(measured.rejects))
    subject = {"name": Path(csv).name}
    if old is None:
        review = inspect(table.frame, policy, delivery=delivery, subject=subject)
        sides = [new]
        before = table.frame.iloc[:0]
    else:
        before = old.frame
        if old.table.network and network and old.table.network != network:
            before = before.drop(columns=[features.EMBEDDING])
        with_ = {"kind": "span", "name": old.path.name}
        review = compare(before, table.frame, policy, delivery=delivery, compared_with=with_, subject=subject)
        sides = [old, new]
    write_page(out / REVIEW, report(review, sides, before, table.frame), "--out")
    suspects, why = _suspects(table)
    small = _thumbnails(new, {suspect.digest for suspect in suspects[:MOST]})
    write_page(out / SUSPECTS, render_suspects(suspects, len(table.frame), small, Path(csv).name, why), "--out")
    audit = Audit(review, tuple(suspects), why, len(table.frame), len(measured.rejects), out)
    write_page(out / JSON, json.dumps(audit.as_json(), indent=2, ensure_ascii=False), "--out")
    return audit


def _suspects(table: Table) -> tuple[list[Suspect], str]:
    try:
        return label_suspects(table.frame), ""
    except InputError as error:
        return [], f"{error.message} {error.hint}".strip()


def _published(config: PipelineConfig) -> Side | None:
    """The sample beside the newest version that has one."""
    for version in reversed(registry.versions(config.registry)):
        path = registry.version_path(config.registry, version) / registry.BASELINE_DIR / "sample" / TABLE
        if path.is_file():
            return open_side(path)
    return None


def _thumbnails(side: Side, wanted: set[str]) -> dict[str, bytes]:
    found = {}
    for digest, data in photos_of(side, wanted):
        try:
            found[digest] = thumbnail(data)
        except pictures.BadPicture:
            continue
    return found
