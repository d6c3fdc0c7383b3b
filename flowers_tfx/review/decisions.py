"""Decisions of reviewers: appended to DATA_ROOT/decisions.jsonl, bound to a span by its digest, never changed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any, Literal

from flowers_tfx.data import spans
from flowers_tfx.data.delivery import printable
from flowers_tfx.data.spans import Span
from flowers_tfx.errors import InputError
from flowers_tfx.review.stored_reviews import StoredReview, stored_reviews
from flowers_tfx.storage import append_line

FILE = "decisions.jsonl"
Action = Literal["accept", "reject"]


@dataclass(frozen=True)
class Decision:
    """`findings`: ids that `accept` lets pass, empty for `reject`; `when` in ISO 8601, UTC."""

    action: Action
    span: int
    digest: str
    findings: tuple[str, ...]
    reason: str
    by: str
    when: str

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "findings": list(self.findings)}


def read_decisions(data_root: str | os.PathLike[str]) -> list[Decision]:
    """In the order in which they were taken. Raises InputError for a line that is not a decision: a gate must not guess."""
    path = spans.data_root_path(data_root) / FILE
    if not path.is_file():
        return []
    decisions = []
    text = path.read_text(encoding="utf-8")
    # A reason can hold any character: str.splitlines() would split it at a U+2028, too.
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else (), 1):
        try:
            value = json.loads(line)
            decision = Decision(**{**value, "findings": tuple(value["findings"])})
            if decision.action not in ("accept", "reject"):
                raise ValueError(decision.action)
        except (ValueError, TypeError, KeyError):
            raise InputError(
                f"Line {number} of {path} is not a decision.", "Restore the file from a copy; the program only appends to it."
            ) from None
        decisions.append(decision)
    return decisions


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


def decide(data_root: str, action: Action, span_number: int, findings: Sequence[str], reason: str, by: str) -> Decision:
    """Appends a decision on a span. Raises InputError when the data root has no such span, or reason or name is missing."""
    delivered = spans.list_spans(data_root)
    span = next((span for span in delivered if span.number == span_number), None)
    if span is None:
        raise InputError(f"The data root {data_root} holds no span {span_number}.", "`flowers spans` lists them.")
    if not reason.strip() or not by.strip():
        raise InputError("A decision needs a reason and a name.", "Give both: --reason TEXT --by NAME.")
    if action == "accept" and span not in spans.current_spans(delivered):
        raise InputError(
            f"Span {span_number} was replaced: its photos were delivered again, corrected.", "Decide on the span that replaces it."
        )
    when = datetime.now(timezone.utc).isoformat(timespec="seconds")
    reason, by = (printable(text.strip()) for text in (reason, by))
    decision = Decision(action, span_number, span.digest, tuple(dict.fromkeys(map(printable, findings))), reason, by, when)
    append_line(spans.data_root_path(data_root) / FILE, json.dumps(decision.as_json(), ensure_ascii=False))
    return decision


def decisions_on(decisions: Iterable[Decision], span: Span) -> list[Decision]:
    """The decisions on this content of the span."""
    return [decision for decision in decisions if decision.span == span.number and decision.digest == span.digest]


def is_rejected(decisions: Iterable[Decision], span: Span) -> bool:
    """The last decision wins: accepting after a rejection includes the span again."""
    own = decisions_on(decisions, span)
    return bool(own) and own[-1].action == "reject"


def check_replaceable(data_root: str, span_number: int) -> None:
    """Raises InputError for a span that no reviewer rejected: its photos are in use."""
    delivered, decisions = spans.list_spans(data_root), read_decisions(data_root)
    if any(span.number == span_number and not is_rejected(decisions, span) for span in delivered):
        raise InputError(
            f"Span {span_number} is in use: only a span that a reviewer rejected can be replaced.",
            f"Reject it first: flowers review reject {span_number} --reason TEXT --by NAME.",
        )


def accepted_findings(decisions: Sequence[Mapping[str, Any]], digests: Sequence[str]) -> set[str]:
    """Findings that were accepted for every one of the spans with these digests: `decisions` as JSON."""
    by_span = [
        {
            finding
            for decision in decisions
            if decision["action"] == "accept" and decision["digest"] == digest
            for finding in decision["findings"]
        }
        for digest in digests
    ]
    return set.intersection(*by_span) if by_span else set()
