"""Records a decision of a reviewer, and prints it with what follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from flowers_tfx.cli.command import CommandResult

if TYPE_CHECKING:
    from flowers_tfx.config import PipelineConfig
    from flowers_tfx.data.decisions import Action, Decision


def accept_findings(config: PipelineConfig, span: int, findings: Sequence[str] | None, reason: str, by: str) -> CommandResult:
    """`findings` None means all findings that stop the run. Raises InputError for a finding that the newest review of the span does not
    have, and where that review is of other photos than the span has now."""
    from flowers_tfx.review import review_items
    from flowers_tfx.review.stored_reviews import review_roots

    roots = review_roots(config.pipeline_root, config.data_root)
    if findings is None:
        # The findings of this review are recorded; a newer review that appears meanwhile needs a decision of its own.
        findings = review_items.open_errors(roots, span)
    else:
        review_items.check_findings(roots, span, findings)
    review_items.check_current(roots, config.data_root, span, config.review.approvals)
    return record_decision(config, "accept", span, findings, reason, by)


def record_decision(
    config: PipelineConfig,
    action: Action,
    span: int,
    findings: Sequence[str],
    reason: str,
    by: str,
    *,
    photos: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    group: str = "",
) -> CommandResult:
    """Records a decision; the result is its JSON, and a sentence on what follows from it."""
    from flowers_tfx.orchestration.settings import pipeline_schema
    from flowers_tfx.review.decisions import decide

    decision = decide(
        config.data_root,
        action,
        span,
        findings,
        reason,
        by,
        photos=photos,
        labels=labels,
        group=group,
        classes=pipeline_schema(config).labels if labels else (),
        approvals=config.review.approvals,
    )
    return CommandResult(decision.as_json(), [recorded_line(config, decision)])


def recorded_line(config: PipelineConfig, decision: Decision) -> str:
    from flowers_tfx.review.decision_words import effect_sentence

    return f"Recorded in {config.data_root}/decisions.jsonl: {effect_sentence(config.data_root, decision, config.review.approvals)}"
