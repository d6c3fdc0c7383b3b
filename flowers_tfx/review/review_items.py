"""What the newest review of a span names: findings to accept, groups of photos to leave out."""

from __future__ import annotations

from collections.abc import Sequence

from flowers_tfx.data.decisions import Decision, read_decisions
from flowers_tfx.data.edited_spans import photo_rows
from flowers_tfx.data.spans import require_span
from flowers_tfx.errors import InputError
from flowers_tfx.review.decisions import state_of
from flowers_tfx.review.stored_reviews import StoredReview, stored_reviews


def _reviews_of(roots: Sequence[str], span: int) -> list[StoredReview]:
    """Newest first: the newest review of the span and, if it has no new photos, the newest of all. Such a review belongs to no span: its
    findings on the serving model are accepted with the newest span of the window."""
    reviews = stored_reviews(*roots)
    of_span = next((stored for stored in reviews if span in stored.spans), None)
    return [stored for stored in reviews if stored is of_span or (stored is reviews[0] and not stored.spans)]


def open_errors(roots: Sequence[str], span: int) -> list[str]:
    """Ids of the findings that stop the run in the newest review of the span. Raises InputError if there is nothing to accept."""
    reviews = _reviews_of(roots, span)
    if not reviews:
        raise InputError(
            f"No run has reviewed span {span}, so there is nothing to accept.", "Run the pipeline first: flowers run --config FILE."
        )
    for stored in reviews:
        errors = [finding["id"] for finding in stored.review["findings"] if finding["level"] == "error" and not finding.get("accepted")]
        if errors:
            return errors
    raise InputError(
        f"The newest review of span {span} has no error that a reviewer must accept.", "Name other findings with --finding ID."
    )


def check_findings(roots: Sequence[str], span: int, findings: Sequence[str]) -> None:
    """Raises InputError for a finding that the newest review of the span does not have, if there is a review."""
    reviews = _reviews_of(roots, span)
    ids = [finding["id"] for stored in reviews for finding in stored.review["findings"]]
    unknown = [name for name in findings if reviews and name not in ids]
    if unknown:
        raise InputError(f"The review of span {span} has no finding {unknown[0]}.", f"It has {', '.join(ids) or 'none'}.")


def check_current(roots: Sequence[str], data_root: str, number: int, approvals: int) -> None:
    """Raises InputError if photos of the span were left out or relabelled since its newest review: its findings are of other photos."""
    stored = next(iter(_reviews_of(roots, number)), None)
    if stored is None:
        return
    span = require_span(data_root, number)
    reviewed = [Decision.from_json(value) for value in stored.review.get("decisions", ())]
    if state_of(reviewed, span, approvals).edits != state_of(read_decisions(data_root), span, approvals).edits:
        raise InputError(
            f"Photos of span {number} were left out, taken back in or relabelled since its newest review.",
            "Run the pipeline again: flowers run --config FILE. Then decide on what it finds.",
        )


def group_photos(roots: Sequence[str], data_root: str, number: int, group: str) -> tuple[str, ...]:
    """Digests of the photos of this span in a group of its newest review, in the review's order. Raises InputError if that review has no
    such group, or was of other photos."""
    span = require_span(data_root, number)
    stored = next((stored for stored in stored_reviews(*roots) if span.number in stored.spans), None)
    if stored is None:
        raise InputError(f"No run has reviewed span {span.number}.", "Run the pipeline first: flowers run --config FILE.")
    if not any(map(stored.has_digest, span.digests)):
        raise InputError(f"The newest review of span {span.number} was of other photos.", "Run the pipeline again.")
    groups = {str(one["id"]): one["photos"] for one in stored.review.get("groups") or ()}
    if group not in groups:
        raise InputError(f"The newest review of span {span.number} has no group {group}.", f"It has {', '.join(groups) or 'none'}.")
    own = {row.digest for row in photo_rows(span)}
    photos = tuple(digest for digest in groups[group] if digest in own)
    if not photos:
        raise InputError(f"Group {group} has no photo of span {span.number}.", "Its photos are of another span of the same review.")
    return photos
