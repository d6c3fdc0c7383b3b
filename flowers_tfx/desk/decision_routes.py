"""The page of a review with its form, and what happens when the form is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from flowers_tfx.data.decisions import Decision
from flowers_tfx.data.edited_spans import photo_rows
from flowers_tfx.desk import pages
from flowers_tfx.desk.access import Access, Visitor
from flowers_tfx.desk.audits import audited_labels
from flowers_tfx.desk.decision_form import TypedForm, decision_requests, typed_form
from flowers_tfx.desk.errors import DeskError
from flowers_tfx.desk.pages import Frame
from flowers_tfx.desk.photos import Photos
from flowers_tfx.desk.pipelines import Pipeline, Snapshot
from flowers_tfx.desk.request_checks import first
from flowers_tfx.desk.review_state import ReviewState, state_of_review
from flowers_tfx.desk.review_view import ReviewView, view_of
from flowers_tfx.errors import InputError
from flowers_tfx.review.decision_files import decision_file
from flowers_tfx.review.decisions import DecidedMeanwhile, DecisionRequest, decide_all

_LONGEST_RECORDED = 500  # characters of an address


@dataclass(frozen=True)
class Desk:
    """All that the pages need. `pipelines` by key."""

    pipelines: Mapping[str, Pipeline]
    access: Access
    photos: Photos = field(default_factory=Photos)

    def pipeline(self, key: str) -> Pipeline:
        if key not in self.pipelines:
            raise DeskError(404, "There is no such pipeline.", "The first page lists those of this desk.")
        return self.pipelines[key]

    def open(self, key: str, name: str) -> tuple[ReviewState, ReviewView]:
        pipeline = self.pipeline(key)
        snapshot = pipeline.snapshot()
        state = state_of_review(pipeline, snapshot, snapshot.review(name))
        return state, view_of(state, classes_of(snapshot))

    def photo(self, key: str, name: str, digest: str) -> bytes:
        """A small JPEG. Raises DeskError for a photo that the page of the review does not show."""
        state, view = self.open(key, name)
        page = view.photos | self.photos.added_to_page(state.address)
        picture = self.photos.get(digest, page, state.spans) if digest in page else b""
        if not picture:
            raise DeskError(404, "There is no such photo.")
        return picture

    def frame(self, visitor: Visitor) -> Frame:
        return Frame(visitor.name, visitor.session.form_token, self.access.has_sign_in, self.access.is_local)

    def with_cookie(self, request: Request, response: Response, visitor: Visitor) -> Response:
        if visitor.is_new:
            self.access.remember(request, response, visitor.session)
        return response


def classes_of(snapshot: Snapshot) -> list[str]:
    return sorted({label for span in snapshot.spans for label in span.labels})


def form_page(desk: Desk, visitor: Visitor, key: str, name: str, recorded: str) -> Response:
    """`recorded`: numbers of the decisions that were just taken, among those on the review's spans, such as `0-1`."""
    state, view = desk.open(key, name)
    numbers = [int(word) for word in recorded[:_LONGEST_RECORDED].split("-") if word.isdecimal()]
    taken = [state.decisions[number] for number in numbers if number < len(state.decisions)]
    return pages.review_page(desk.frame(visitor), state, view, TypedForm(by=visitor.name), recorded=taken)


def take_decision(desk: Desk, visitor: Visitor, key: str, name: str, form: Mapping[str, list[str]]) -> Response:
    """Records what the form asks for, or answers with the form as it was filled in and the reason why nothing was recorded."""
    state, view = desk.open(key, name)
    typed = typed_form(form, visitor.name)
    frame = desk.frame(visitor)
    if not visitor.session.owns(first(form, "form_token")):
        problem = InputError("This page was older than your session.", "Read what you typed, and send it again.")
        return pages.review_page(frame, state, view, typed, 403, problem=problem)
    meanwhile = _decided_since(typed, state)
    if meanwhile:
        return pages.review_page(frame, state, view, typed, 409, meanwhile=meanwhile)
    if state.newer:
        problem = InputError("A run has reviewed these photos again since you opened this page.", "Decide on the newer review.")
        return pages.review_page(frame, state, view, typed, 409, problem=problem)
    try:
        requests = decision_requests(typed, state, view)
        if first(form, "do") == "download":
            return _file(state, requests)
        taken = decide_all(state.pipeline.config.data_root, requests, classes=view.classes, approvals=state.approvals)
    except DecidedMeanwhile:
        state, view = desk.open(key, name)
        return pages.review_page(frame, state, view, typed, 409, meanwhile=_decided_since(typed, state))
    except InputError as problem:
        return pages.review_page(frame, state, view, typed, 422, problem=problem)
    state, _ = desk.open(key, name)
    recorded = "-".join(str(state.decisions.index(decision)) for decision in taken)
    return RedirectResponse(f"{state.address}?recorded={recorded}", 303)


def _file(state: ReviewState, requests: Sequence[DecisionRequest]) -> Response:
    """The decisions as a file for an operator."""
    text = decision_file(requests, datetime.now(timezone.utc).isoformat(timespec="seconds"))
    spans = "-".join(str(request.span) for request in requests)
    name = f"{state.pipeline.key}-span-{spans}-{requests[0].action}.json"
    return Response(text, media_type="application/json", headers={"Content-Disposition": f'attachment; filename="{name}"'})


def show_audit(desk: Desk, visitor: Visitor, key: str, name: str, form_token: str, content: bytes) -> Response:
    """The page of the review with the photos whose labels an audit suspects. Nothing of the file is kept."""
    state, view = desk.open(key, name)
    frame, typed = desk.frame(visitor), TypedForm(action="relabel", by=visitor.name)
    if not visitor.session.owns(form_token):
        problem = InputError("This page was older than your session.", "Choose the file again.")
        return pages.review_page(frame, state, view, typed, 403, problem=problem)
    try:
        own = {row.digest: row for span in state.spans for row in photo_rows(span)}
        rows = audited_labels(content, own)
    except InputError as problem:
        return pages.review_page(frame, state, view, typed, 422, problem=problem)
    desk.photos.add_to_page(state.address, [row.digest for row in rows])
    return pages.review_page(frame, state, view_of(state, view.classes, rows), typed)


def _decided_since(typed: TypedForm, state: ReviewState) -> Sequence[Decision]:
    """The decisions that the page did not show when it was opened, oldest first."""
    unseen = []
    for span in state.spans:
        own = [decision for decision in state.decisions if decision.span == span.number]
        unseen += own[typed.seen.get(span.number, len(own)) :]
    return sorted(unseen, key=lambda decision: decision.when)
