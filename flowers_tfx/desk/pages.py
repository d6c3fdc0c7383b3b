"""The desk's pages as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from starlette.responses import HTMLResponse

from flowers_tfx.data.decisions import Decision
from flowers_tfx.data.spans import Span
from flowers_tfx.desk.decision_form import LEAVE_OUT, TypedForm
from flowers_tfx.desk.pipelines import Pipeline, Snapshot
from flowers_tfx.desk.review_state import ReviewState, delivery_name, state_of_review, waiting_reviews
from flowers_tfx.desk.review_view import ReviewView
from flowers_tfx.desk.trends import newest_of_deliveries, score_trends
from flowers_tfx.errors import InputError
from flowers_tfx.reports.rendering import count, environment
from flowers_tfx.reports.words import clean
from flowers_tfx.review.decisions import is_rejected, state_of

_NEXT_STEP = "`flowers watch` goes on by itself; without it, an operator runs the pipeline again."


@dataclass(frozen=True)
class Frame:
    """What all pages show around their content. `name`: of who is signed in, empty for nobody."""

    name: str = ""
    form_token: str = ""
    can_sign_out: bool = False
    is_local: bool = False


@dataclass(frozen=True)
class PipelineRow:
    """A pipeline on the first page. `error`: why it cannot be read."""

    key: str
    name: str
    data_root: str
    spans: int = 0
    photos: int = 0
    newest: ReviewState | None = None
    unreadable: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class SpanRow:
    """A delivery of a pipeline; `state` of its newest review."""

    span: Span
    created: str
    rejected_lines: int
    excluded: int
    is_rejected: bool
    state: ReviewState | None
    decisions: tuple[Decision, ...]


def render(template: str, frame: Frame, code: int = 200, **values: Any) -> HTMLResponse:
    text = environment("flowers_tfx.desk").get_template(template).render(frame=frame, clean=clean, moment=moment, what=what, **values)
    return HTMLResponse(text, code)


def moment(text: str) -> str:
    """A time in ISO 8601 for people; what is not one stays as it is."""
    try:
        when = datetime.fromisoformat(text.replace("Z", "+00:00"))  # Python 3.10 reads no Z
    except ValueError:
        return clean(text, 40)
    when = when.replace(tzinfo=timezone.utc) if when.tzinfo is None else when.astimezone(timezone.utc)
    return f"{when:%-d %b %Y, %H:%M} UTC"


def what(decision: Decision) -> str:
    """What somebody decided, as the rest of a sentence."""
    of_span = f"of span {decision.span}"
    match decision.action:
        case "accept":
            return f"accepted {count(len(decision.findings), 'finding')} {of_span}."
        case "reject":
            return f"rejected span {decision.span}."
        case "exclude":
            return f"left {count(len(decision.photos))} {of_span} out."
        case "include":
            return f"took {count(len(decision.photos))} {of_span} back in."
        case _:
            return f"corrected {count(len(decision.labels), 'label')} {of_span}."


def home_page(frame: Frame, pipelines: Sequence[Pipeline]) -> HTMLResponse:
    rows, waiting = [], []
    for pipeline in pipelines:
        place = (pipeline.key, pipeline.config.name, pipeline.config.data_root)
        try:
            snapshot = pipeline.snapshot()
            newest = state_of_review(pipeline, snapshot, snapshot.reviews[0]) if snapshot.reviews else None
            waiting += waiting_reviews(pipeline, snapshot)
            photos = sum(span.examples for span in snapshot.spans)
            rows.append(PipelineRow(*place, len(snapshot.spans), photos, newest, snapshot.unreadable))
        except (InputError, OSError) as error:
            rows.append(PipelineRow(*place, error=f"It cannot be read: {error}"))
    waiting.sort(key=lambda state: state.stored.review["created"], reverse=True)
    return render("home.html.j2", frame, waiting=waiting, pipelines=rows)


def pipeline_page(frame: Frame, pipeline: Pipeline) -> HTMLResponse:
    snapshot = pipeline.snapshot()
    reviews = newest_of_deliveries(snapshot.reviews)
    rows = [_span_row(pipeline, snapshot, span) for span in reversed(snapshot.spans)]
    return render(
        "pipeline.html.j2",
        frame,
        pipeline=pipeline,
        waiting=waiting_reviews(pipeline, snapshot),
        rows=rows,
        unreadable=snapshot.unreadable,
        trends=score_trends(reviews),
        first=delivery_name(reviews[0]) if reviews else "",
        last=delivery_name(reviews[-1]) if reviews else "",
    )


def review_page(
    frame: Frame,
    state: ReviewState,
    view: ReviewView,
    typed: TypedForm,
    status: int = 200,
    *,
    meanwhile: Sequence[Decision] = (),
    problem: InputError | None = None,
    recorded: Sequence[Decision] = (),
) -> HTMLResponse:
    """`meanwhile`: what others decided while this form was filled in; `problem`: why nothing was recorded; `recorded`: the decisions
    that were just taken."""
    next_step = "Another name must decide the same before it counts." if state.waiting else _NEXT_STEP
    return render(
        "review.html.j2",
        frame,
        status,
        state=state,
        view=view,
        typed=typed,
        meanwhile=meanwhile,
        problem=problem,
        recorded=recorded,
        next_step=next_step,
        leave_out=LEAVE_OUT,
    )


def _span_row(pipeline: Pipeline, snapshot: Snapshot, span: Span) -> SpanRow:
    approvals = pipeline.config.review.approvals
    stored, state = snapshot.newest_of(span), state_of(snapshot.decisions, span, approvals)
    return SpanRow(
        span,
        str(span.manifest.get("created", "")),
        int(span.manifest.get("rejected", 0)),
        len(state.edits.excluded),
        is_rejected(snapshot.decisions, span, approvals),
        state_of_review(pipeline, snapshot, stored) if stored else None,
        tuple(decision for decision in reversed(snapshot.decisions) if decision.span == span.number and decision.digest in span.digests),
    )
