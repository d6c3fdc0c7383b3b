"""`flowers dataset audit`."""

from __future__ import annotations

from pathlib import Path

from flowers_tfx.config import PipelineConfig
from flowers_tfx.orchestration.settings import pipeline_schema, review_policy
from flowers_tfx.progress import ProgressCallback
from flowers_tfx.review.audit import Audit, audit_csv, make_out_dir
from flowers_tfx.review.baseline_sample import newest_baseline_sample
from flowers_tfx.review.embeddings import load_embedder
from flowers_tfx.review.sides import open_side


def audit(
    config: PipelineConfig,
    csv: str,
    labels: str | None,
    out: Path,
    weights: str | None,
    against: Path | None,
    progress: ProgressCallback,
) -> Audit:
    """Writes the table, both pages and audit.json into `out`. Without `against`, the newest published baseline is compared with, if any."""
    make_out_dir(out)
    policy = review_policy(config, pipeline_schema(config).proto)
    baseline = open_side(against) if against else newest_baseline_sample(config.registry)
    embedder = load_embedder(config.model, weights) if weights else None
    return audit_csv(csv, labels, out, baseline, policy, config.ingest.max_pixels, embedder, progress)
