"""The spans of a data root with the verdicts of reviews and the decisions of reviewers."""

from __future__ import annotations

from typing import Any

from flowers_tfx.data.decisions import decisions_on, read_decisions
from flowers_tfx.data.edited_spans import with_edits
from flowers_tfx.data.spans import list_spans
from flowers_tfx.review.decisions import state_of
from flowers_tfx.review.stored_reviews import review_roots, stored_reviews


def span_verdicts(data_root: str, pipeline_root: str, approvals: int = 1) -> list[dict[str, Any]]:
    """Oldest first: counts of the photos as they were delivered, date, verdict, decisions, and what they come to (docs/interfaces.md).
    `approvals`: how many names a decision needs to count."""
    all_decisions = read_decisions(data_root)
    reviews = stored_reviews(*review_roots(pipeline_root, data_root))
    rows = []
    for span in list_spans(data_root):
        review = next((stored for stored in reviews if span.number in stored.spans and any(map(stored.has_digest, span.digests))), None)
        state = state_of(all_decisions, span, approvals)
        edits = with_edits(span, state.edits).edits
        rows.append(
            {
                "span": span.number,
                "digest": span.digest,
                "created": span.manifest.get("created", ""),
                "examples": span.examples,
                "splits": dict(span.manifest["splits"]),
                "label_counts": dict(span.manifest["label_counts"]),
                "known": span.manifest["known"],
                "duplicates": span.manifest["duplicates"],
                "rejected": span.manifest["rejected"],
                "verdict": review.review["verdict"] if review else None,
                "report": str(review.html) if review else None,
                "rejected_by_reviewer": state.rejected,
                "excluded": len(edits.excluded),
                "relabelled": len(edits.labels),
                "waiting": [waiting.as_json() for waiting in state.waiting],
                "decisions": [decision.as_json() for decision in decisions_on(all_decisions, span)],
            }
        )
    return rows
