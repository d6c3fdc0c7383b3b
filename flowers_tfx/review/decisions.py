"""Reviewers decide on spans: what is asked is checked, and appended to DATA_ROOT/decisions.jsonl."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone

from flowers_tfx.data import spans
from flowers_tfx.data.decisions import Action, Decision, append_decisions, decisions_on, read_decisions
from flowers_tfx.data.delivery import printable
from flowers_tfx.data.span_states import SpanState, Waiting, span_state
from flowers_tfx.data.spans import Span
from flowers_tfx.errors import InputError
from flowers_tfx.review.decision_checks import check_not_forgotten, check_photos, check_votes


@dataclass(frozen=True)
class DecisionRequest:
    """What a reviewer wants recorded; the fields are those of `Decision`. `expected`: how many decisions on the span the reviewer had seen,
    None if that does not matter; `digest`: of the span that the reviewer saw, empty for the present one; `when`: empty for now."""

    action: Action
    span: int
    reason: str
    by: str
    findings: tuple[str, ...] = ()
    photos: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    group: str = ""
    digest: str = ""
    expected: int | None = None
    when: str = ""


class DecidedMeanwhile(InputError):
    """Somebody decided on the span after the reviewer had read it: `decisions`, the oldest first."""

    def __init__(self, span: int, decisions: Sequence[Decision]) -> None:
        last = decisions[-1]
        by = ", ".join(dict.fromkeys(decision.by for decision in decisions))
        super().__init__(
            f"{by} decided on span {span} after you had read it: {last.action} at {last.when} ({last.reason}).",
            "Read the span again, then decide.",
        )
        self.decisions = tuple(decisions)


def decide(
    data_root: str,
    action: Action,
    span_number: int,
    findings: Sequence[str],
    reason: str,
    by: str,
    *,
    photos: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    group: str = "",
    expected: int | None = None,
    classes: Sequence[str] = (),
    approvals: int = 1,
) -> Decision:
    """Appends one decision on a span: `decide_all` with one request."""
    request = DecisionRequest(action, span_number, reason, by, tuple(findings), tuple(photos), labels or {}, group=group, expected=expected)
    return decide_all(data_root, [request], classes=classes, approvals=approvals)[0]


def decide_all(
    data_root: str, requests: Sequence[DecisionRequest], *, classes: Sequence[str] = (), approvals: int = 1, file: str = ""
) -> list[Decision]:
    """Appends the decisions, all of them or, after an error, none. `classes`: those that labels can be corrected to; `approvals`: how many
    names a decision needs to count, the configuration's `review.approvals`; `file`: the digest of the decision file that they come from:
    if its decisions are recorded already, none is taken.

    Raises DecidedMeanwhile if others decided since the reviewer read the span, and InputError when the data root has no such span or it was
    replaced, a photo is not in it, nothing would be left or change, or reason or name is missing.
    """
    delivered = spans.list_spans(data_root)
    drafts = [(request, *_draft(data_root, delivered, request, classes, file)) for request in requests]

    def take(earlier: list[Decision]) -> list[Decision]:
        # `flowers forget` writes its certificate first, and then edits this file.
        check_not_forgotten(data_root, [decision for _, _, decision in drafts])
        taken: list[Decision] = []
        if file and any(decision.file == file for decision in earlier):
            return taken
        for request, span, decision in drafts:
            own = decisions_on(earlier, span)
            if request.expected is not None and len(own) != request.expected:
                if len(own) < request.expected:
                    raise InputError(f"The decisions on span {span.number} are not those that you saw.", "Read the span again.")
                raise DecidedMeanwhile(span.number, own[request.expected :])
            check_votes(span, decision, decisions_on([*earlier, *taken], span), approvals)
            taken.append(decision)
        return taken

    return append_decisions(data_root, take)


def _draft(data_root: str, delivered: Sequence[Span], request: DecisionRequest, classes: Sequence[str], file: str) -> tuple[Span, Decision]:
    span = next((span for span in delivered if span.number == request.span), None)
    if span is None:
        raise InputError(f"The data root {data_root} holds no span {request.span}.", "`flowers spans` lists them.")
    if not request.reason.strip() or not request.by.strip():
        raise InputError("A decision needs a reason and a name.", "Give both: --reason TEXT --by NAME.")
    if request.action != "reject" and span not in spans.current_spans(delivered):
        raise InputError(
            f"Span {span.number} was replaced: its photos were delivered again, corrected.", "Decide on the span that replaces it."
        )
    if request.digest and request.digest not in span.digests:
        raise InputError(f"Span {span.number} holds other photos than those that were reviewed.", "Review the span again.")
    reason, by, group = (printable(text.strip()) for text in (request.reason, request.by, request.group))
    decision = Decision(
        request.action,
        span.number,
        span.digest,
        tuple(dict.fromkeys(map(printable, request.findings))),
        reason,
        by,
        request.when or datetime.now(timezone.utc).isoformat(timespec="seconds"),
        tuple(dict.fromkeys(request.photos)),
        dict(request.labels),
        group,
        file,
    )
    check_photos(span, decision, classes)
    return span, decision


def waiting_decisions(data_root: str, approvals: int) -> list[Waiting]:
    """Decisions on the spans of a data root that need another name before they count, by span; none with one approval."""
    decisions = read_decisions(data_root) if approvals > 1 else []
    current = spans.current_spans(spans.list_spans(data_root)) if decisions else []
    return [waiting for span in current for waiting in state_of(decisions, span, approvals).waiting]


def state_of(decisions: Sequence[Decision], span: Span, approvals: int = 1) -> SpanState:
    return span_state(decisions_on(decisions, span), approvals)


def is_rejected(decisions: Sequence[Decision], span: Span, approvals: int = 1) -> bool:
    """Accepting after a rejection includes the span again."""
    return state_of(decisions, span, approvals).rejected


def check_replaceable(data_root: str, span_number: int, approvals: int = 1) -> None:
    """Raises InputError for a span that no reviewer rejected: its photos are in use."""
    delivered, decisions = spans.list_spans(data_root), read_decisions(data_root)
    if any(span.number == span_number and not is_rejected(decisions, span, approvals) for span in delivered):
        raise InputError(
            f"Span {span_number} is in use: only a span that a reviewer rejected can be replaced.",
            f"Reject it first: flowers review reject {span_number} --reason TEXT --by NAME.",
        )


def accepted_findings(states: Sequence[SpanState]) -> set[str]:
    """Findings that were accepted for every one of these spans."""
    return set(frozenset.intersection(*(state.accepted for state in states))) if states else set()
