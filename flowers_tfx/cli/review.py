"""`flowers review compare`, `accept` and `reject`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flowers_tfx import storage
from flowers_tfx.config import PipelineConfig
from flowers_tfx.orchestration.settings import pipeline_schema, review_policy
from flowers_tfx.progress import ProgressCallback
from flowers_tfx.review import decisions
from flowers_tfx.review.comparison import compare_sides
from flowers_tfx.review.embeddings import embed_spans, load_embedder
from flowers_tfx.review.pages import comparison_page, write_page
from flowers_tfx.review.sides import open_side
from flowers_tfx.validation import Review


def compare_paths(
    config: PipelineConfig, old: Path, new: Path, weights: str | None, seed: int, html: Path | None, progress: ProgressCallback
) -> Review:
    """The review of `new` against `old`, span folders or tables; with `html`, the report too."""
    policy = review_policy(config, pipeline_schema(config).proto)
    sides = (open_side(old), open_side(new))
    if html is not None:
        storage.check_target(html, "--html")
    embedder = None if weights is None else load_embedder(config.model, weights)
    baseline, fresh = embed_spans(sides, embedder, policy.sample, progress, seed)
    comparison = compare_sides(baseline, fresh, policy, seed=seed)
    if html is not None:
        write_page(html, comparison_page(comparison), "--html")
    return comparison.review


def decide(config: PipelineConfig, action: decisions.Action, span: int, findings: Sequence[str], reason: str, by: str) -> dict[str, Any]:
    """Appends the decision. Raises InputError for a finding that the newest review of the span does not have."""
    decisions.check_findings(config.pipeline_root, span, findings)
    return decisions.decide(config.data_root, action, span, findings, reason, by).as_json()
