"""Where a review stands now: what is open in it, and what reviewers have decided on its spans since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from flowers_tfx.data.decisions import Decision, decisions_on
from flowers_tfx.data.span_states import SpanState, Waiting, span_state
from flowers_tfx.data.spans import Span, current_spans
from flowers_tfx.desk.pipelines import Pipeline, Snapshot
from flowers_tfx.reports.rendering import count, percent
from flowers_tfx.review.decisions import is_rejected, state_of
from flowers_tfx.review.report_words import baseline_name, verdict_sentence
from flowers_tfx.review.stored_reviews import StoredReview
from flowers_tfx.review.window_comparisons import BASELINE_FINDING
from flowers_tfx.texts import ENGLISH
from flowers_tfx.validation import Review

Status = Literal["waits", "decided", "rejected", "warn", "pass"]
_WORDS: Mapping[Status, str] = {
    "waits": "waits for a decision",
    "decided": "decided: the next run goes on with it",
    "rejected": "rejected",
    "warn": "passed with warnings",
    "pass": "passed",
}


@dataclass(frozen=True)
class ReviewState:
    """`spans`: those that decisions on this review are about, the newest last, and `span_states` what was decided on each.
    `open_findings`: ids of the findings that stop the run still; `decisions`: all on these spans; `newer`: a later review of a span."""

    pipeline: Pipeline
    stored: StoredReview
    spans: tuple[Span, ...]
    span_states: tuple[SpanState, ...]
    status: Status
    open_findings: tuple[str, ...]
    decisions: tuple[Decision, ...]
    newer: StoredReview | None

    @property
    def address(self) -> str:
        return f"/pipelines/{self.pipeline.key}/reviews/{self.stored.folder.name}"

    @property
    def title(self) -> str:
        return delivery_name(self.stored).capitalize()

    @property
    def words(self) -> str:
        """The status, for people."""
        return "waits for a second reviewer" if self.waits and self.waiting else _WORDS[self.status]

    @property
    def summary(self) -> str:
        """What changed, what it costs the model and, if it is known, the story behind it."""
        story = str(self.stored.review.get("story") or "")
        words = ": ".join([verdict_sentence(self.review, ENGLISH), *([story] if story else [])])
        return words if words.endswith(".") else f"{words}."

    @property
    def review(self) -> Review:
        return Review.from_json(self.stored.review)

    @property
    def counts(self) -> str:
        stops = sum(finding["level"] == "error" for finding in self.stored.review["findings"])
        warns = sum(finding["level"] == "warn" for finding in self.stored.review["findings"])
        return f"{count(self.stored.review['new']['photos'])}, {count(stops, 'error')}, {count(warns, 'warning')}"

    @property
    def harm(self) -> str:
        """How right the serving model is on these photos, in a sentence; empty if that is not known."""
        harm = self.stored.review.get("harm") or {}
        if harm.get("accuracy") is None:
            return ""
        own = f"; on its own test photos {percent(harm['baseline_accuracy'], 0)}" if harm.get("baseline_accuracy") is not None else ""
        return (
            f"The serving model is right on {percent(harm['accuracy'], 0)} of them{' (estimated)' if harm.get('estimated') else ''}{own}."
        )

    @property
    def against(self) -> str:
        return f"against {baseline_name(self.review, ENGLISH)}" if self.review.is_compared else "with nothing to compare with"

    @property
    def waits(self) -> bool:
        return self.status == "waits" and self.newer is None

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """Decisions that need another name before they count."""
        return tuple(waiting for state in self.span_states for waiting in state.waiting)

    @property
    def excluded(self) -> frozenset[str]:
        """Digests of the photos that are left out."""
        return frozenset().union(*(state.edits.excluded for state in self.span_states))

    @property
    def seen(self) -> dict[int, int]:
        """How many decisions there are on each span: what a reviewer who reads this has seen."""
        return {span.number: state.decisions for span, state in zip(self.spans, self.span_states, strict=True)}

    @property
    def approvals(self) -> int:
        return self.pipeline.config.review.approvals


def state_of_review(pipeline: Pipeline, snapshot: Snapshot, stored: StoredReview) -> ReviewState:
    approvals = pipeline.config.review.approvals
    spans = _subject(snapshot, stored, approvals)
    states = [state_of(snapshot.decisions, span, approvals) for span in spans]
    still_open = _open_findings(stored.review, states)
    decisions = [decision for span in spans for decision in decisions_on(snapshot.decisions, span)]
    is_edited = any(
        span_state(_known_decisions(stored, snapshot, span), approvals).edits != state.edits
        for span, state in zip(spans, states, strict=True)
    )
    status = _status(stored.review["verdict"], still_open, states, is_edited)
    later = snapshot.reviews[: snapshot.reviews.index(stored)]
    newer = next((other for other in later if _replaces(other, stored)), None)
    ordered = sorted(decisions, key=lambda decision: decision.when)
    return ReviewState(pipeline, stored, tuple(spans), tuple(states), status, tuple(still_open), tuple(ordered), newer)


def waiting_reviews(pipeline: Pipeline, snapshot: Snapshot) -> list[ReviewState]:
    """Newest first."""
    blocked = (stored for stored in snapshot.reviews if stored.review["verdict"] == "blocked")
    return [state for state in (state_of_review(pipeline, snapshot, stored) for stored in blocked) if state.waits]


def delivery_name(stored: StoredReview) -> str:
    numbers = [str(number) for number in stored.spans]
    return f"span{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}" if numbers else "no new photos"


def _status(verdict: str, still_open: Sequence[str], states: Sequence[SpanState], is_edited: bool) -> Status:
    """`is_edited`: photos were left out or labels corrected since the review."""
    if any(state.rejected for state in states):
        return "rejected"
    if verdict != "blocked":
        return "warn" if verdict == "warn" else "pass"
    return "decided" if is_edited or not still_open else "waits"


def _subject(snapshot: Snapshot, stored: StoredReview, approvals: int) -> list[Span]:
    """The new spans that are still there; for a review without new photos, the newest span of the window, as the gate does it."""
    digests = {str(span["digest"]) for span in stored.review.get("new_spans", ())}
    if digests:
        return [span for span in snapshot.spans if digests & set(span.digests)]
    current = current_spans(snapshot.spans)
    return [span for span in current if span.examples and not is_rejected(snapshot.decisions, span, approvals)][-1:]


def _open_findings(review: Mapping[str, Any], states: Sequence[SpanState]) -> list[str]:
    """Ids of the errors that nobody has accepted. Those on the serving model are accepted with the newest span, others with each span."""
    by_all = frozenset.intersection(*(state.accepted for state in states)) if states else frozenset()
    by_newest = states[-1].accepted if states else frozenset()
    still_open = []
    for finding in review["findings"]:
        of_window = finding["id"].startswith(f"{BASELINE_FINDING}:") or finding["kind"] == "schema"
        accepted = finding.get("accepted") or finding["id"] in (by_newest if of_window else by_all)
        if finding["level"] == "error" and not accepted:
            still_open.append(finding["id"])
    return still_open


def _known_decisions(stored: StoredReview, snapshot: Snapshot, span: Span) -> list[Decision]:
    """The decisions on the span that the review was made with: the first ones, since others are appended."""
    number = sum(decision["digest"] in span.digests for decision in stored.review.get("decisions", ()))
    return decisions_on(snapshot.decisions, span)[:number]


def _replaces(later: StoredReview, stored: StoredReview) -> bool:
    """Whether the later review has photos of the other one. One without new photos is about the serving model: every later one is newer."""
    spans = stored.review.get("new_spans", ())
    return not spans or any(later.has_digest(str(span["digest"])) for span in spans)
