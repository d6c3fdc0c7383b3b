"""The spans of a data root with the verdicts of reviews and the decisions of reviewers."""

from __future__ import annotations

from typing import Any

from flowers_tfx.data.spans import list_spans
from flowers_tfx.review import decisions
from flowers_tfx.review.stored_reviews import review_roots, stored_reviews


def span_verdicts(data_root: str, pipeline_root: str) -> list[dict[str, Any]]:
    """Oldest first: counts, date, verdict, decisions (docs/interfaces.md)."""
    all_decisions = decisions.read_decisions(data_root)
    reviews = stored_reviews(*review_roots(pipeline_root, data_root))
    rows = []
    for span in list_spans(data_root):
        review = next((stored for stored in reviews if span.number in stored.spans and stored.has_digest(span.digest)), None)
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
                "rejected_by_reviewer": decisions.is_rejected(all_decisions, span),
                "decisions": [decision.as_json() for decision in decisions.decisions_on(all_decisions, span)],
            }
        )
    return rows
