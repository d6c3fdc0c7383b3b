"""The form on the page of a review: what was typed, and the decisions that it asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flowers_tfx.data.decisions import Action
from flowers_tfx.data.edited_spans import photo_rows
from flowers_tfx.data.spans import Span
from flowers_tfx.desk.request_checks import first
from flowers_tfx.desk.review_state import ReviewState
from flowers_tfx.desk.review_view import ReviewView
from flowers_tfx.desk.reviewers import clean_name
from flowers_tfx.errors import InputError
from flowers_tfx.review.decisions import DecisionRequest

MAX_REASON = 2000  # characters
LEAVE_OUT = "/leave out"  # instead of a class: the photo shows none of them; no folder, and so no class, has such a name
_LABEL = "label."  # of the fields with a class, before the digest
_SEEN = "seen."  # of the fields with the number of decisions that the page showed, before the span
_BACK = "Go back to the form below."


@dataclass(frozen=True)
class TypedForm:
    """`sent`: false for a form that was not filled in yet. `back`: numbers of the decisions whose photos come back in; `seen`: by span, how
    many decisions the page showed."""

    sent: bool = False
    action: str = ""
    reason: str = ""
    by: str = ""
    findings: frozenset[str] = frozenset()
    group: str = ""
    photos: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    back: frozenset[str] = frozenset()
    spans: frozenset[int] = frozenset()
    seen: Mapping[int, int] = field(default_factory=dict)


def typed_form(form: Mapping[str, list[str]], by: str) -> TypedForm:
    """`by`: the name of the reviewer who signed in, empty where it is typed."""
    return TypedForm(
        True,
        first(form, "action"),
        first(form, "reason").replace("\r\n", "\n").strip()[:MAX_REASON],
        by or clean_name(first(form, "by")),
        frozenset(form.get("finding", ())),
        first(form, "group"),
        tuple(dict.fromkeys(form.get("photo", ()))),
        {name.removeprefix(_LABEL): values[0] for name, values in form.items() if name.startswith(_LABEL)},
        frozenset(form.get("back", ())),
        frozenset(int(number) for number in form.get("span", ()) if number.isdecimal()),
        _numbers(form),
    )


def decision_requests(typed: TypedForm, state: ReviewState, view: ReviewView) -> list[DecisionRequest]:
    """One for each span that the decision concerns. Raises InputError for a form that lacks something."""
    if not typed.reason or not typed.by:
        raise InputError(f"The decision lacks {'a reason' if not typed.reason else 'your name'}.", _BACK)
    match typed.action:
        case "accept":
            known = {row.id for row in view.findings}
            findings = tuple(row.id for row in view.findings if row.id in typed.findings)
            if not findings or typed.findings - known:
                raise InputError("No finding is checked." if not findings else "A checked finding is not open any more.", _BACK)
            return [_request(typed, state, span, "accept", findings=findings) for span in state.spans]
        case "reject":
            chosen = [span for span in state.spans if len(state.spans) == 1 or span.number in typed.spans]
            if not chosen:
                raise InputError("No span is checked.", _BACK)
            return [_request(typed, state, span, "reject") for span in chosen]
        case "exclude":
            group = next((group for group in view.groups if group.id == typed.group), None)
            if group is None:
                raise InputError("No group is chosen.", _BACK)
            photos = [digest for digest in group.photos if digest not in state.excluded]
            shares = _by_span(state.spans, photos)
            return [_request(typed, state, span, "exclude", photos=part, group=group.id) for span, part in shares]
        case "include":
            photos = [digest for row in view.left_out if row.id in typed.back for digest in row.photos]
            if not photos:
                raise InputError("No photos are checked.", _BACK)
            return [_request(typed, state, span, "include", photos=part) for span, part in _by_span(state.spans, photos)]
        case "relabel":
            return _relabel_requests(typed, state)
        case _:
            raise InputError("No decision is chosen.", _BACK)


def _relabel_requests(typed: TypedForm, state: ReviewState) -> list[DecisionRequest]:
    if not typed.photos:
        raise InputError("No photo is checked.", _BACK)
    without = sum(not typed.labels.get(digest) for digest in typed.photos)
    if without:
        raise InputError(f"{without} of {len(typed.photos)} checked photos have no class chosen.", _BACK)
    requests = []
    for span, part in _by_span(state.spans, typed.photos):
        labels = {digest: typed.labels[digest] for digest in part if typed.labels[digest] != LEAVE_OUT}
        out = tuple(digest for digest in part if digest not in labels)
        requests += [_request(typed, state, span, "relabel", labels=labels)] if labels else []
        requests += [_request(typed, state, span, "exclude", photos=out)] if out else []
    return requests


def _request(
    typed: TypedForm,
    state: ReviewState,
    span: Span,
    action: Action,
    *,
    findings: tuple[str, ...] = (),
    photos: tuple[str, ...] = (),
    labels: Mapping[str, str] | None = None,
    group: str = "",
) -> DecisionRequest:
    return DecisionRequest(
        action,
        span.number,
        typed.reason,
        typed.by,
        findings,
        photos,
        labels or {},
        group,
        digest=span.digest,
        expected=typed.seen.get(span.number, state.seen[span.number]),
    )


def _by_span(spans: Sequence[Span], photos: Sequence[str]) -> list[tuple[Span, tuple[str, ...]]]:
    """The photos of each span; where there is one span, whether it has them is checked with the decision."""
    if len(spans) == 1:
        return [(spans[0], tuple(photos))]
    shares = []
    for span in spans:
        own = {row.digest for row in photo_rows(span)}
        if part := tuple(digest for digest in photos if digest in own):
            shares.append((span, part))
    return shares


def _numbers(form: Mapping[str, list[str]]) -> dict[int, int]:
    fields = {name.removeprefix(_SEEN): values[0] for name, values in form.items() if name.startswith(_SEEN)}
    return {int(span): int(count) for span, count in fields.items() if span.isdecimal() and count.isdecimal()}
