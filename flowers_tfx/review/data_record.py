"""What a model is trained on, in plain values: the spans of the window with counts, verdicts and decisions, and the review of the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flowers_tfx.data.spans import Span
from flowers_tfx.review.stored_reviews import stored_reviews

FORMAT = 1
_COUNTS = ("created", "examples", "rejected", "duplicates", "splits", "label_counts", "label_counts_by_split")


def data_record(
    window: Sequence[Span], review: Mapping[str, Any], decisions: Sequence[Mapping[str, Any]], reviews_root: str
) -> dict[str, Any]:
    """The content of data.json. `review`: of the run, as in review.json. The verdict of a span that is not new is that of the newest
    review in which it was; None where no review is kept. Counts are of the photos as reviewers left them."""
    new = {span["digest"] for span in review.get("new_spans", ())}
    older = stored_reviews(reviews_root) if any(span.digest not in new for span in window) else []
    spans = []
    for span in window:
        stored = next((one.review for one in older if any(map(one.has_digest, span.digests))), None)
        verdict = review["verdict"] if span.digest in new else stored["verdict"] if stored else None
        counts = {name: span.manifest.get(name) for name in _COUNTS}
        own = [dict(decision) for decision in decisions if decision["digest"] == span.digest]
        edits = {"excluded": len(span.edits.excluded), "relabelled": len(span.edits.labels)}
        spans.append({"span": span.number, "digest": span.digest, **counts, **edits, "verdict": verdict, "decisions": own})
    findings = [{key: finding.get(key) for key in ("id", "level", "message", "accepted")} for finding in review["findings"]]
    facts = {key: review.get(key) for key in ("verdict", "compared_with", "run_id")}
    return {"format": FORMAT, "spans": spans, "review": {**facts, "findings": findings}}
