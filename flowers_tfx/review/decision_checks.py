"""What a decision must be so that it can be recorded: its photos are in the span, its classes are known, and it changes something."""

from __future__ import annotations

from collections.abc import Sequence

from flowers_tfx.data.decisions import Decision
from flowers_tfx.data.edited_spans import photo_rows, with_edits
from flowers_tfx.data.forgotten import read_certificates
from flowers_tfx.data.span_states import SpanState, Votes
from flowers_tfx.data.spans import Span
from flowers_tfx.errors import InputError

_OF_PHOTOS = ("exclude", "include")


def check_photos(span: Span, decision: Decision, classes: Sequence[str]) -> None:
    """Raises InputError for photos that the span does not have, and for labels that are not among `classes`."""
    named = (*decision.photos, *decision.labels)
    if (decision.action in _OF_PHOTOS and not decision.photos) or (decision.action == "relabel" and not decision.labels):
        raise InputError(f"The decision to {decision.action} names no photo.", "Name photos by their digests, the sha256 of their files.")
    if not named:
        return
    digests = {row.digest for row in photo_rows(span)}
    strange = [digest for digest in named if digest not in digests]
    if strange:
        more = f" (nor {len(strange) - 1} others)" if len(strange) > 1 else ""
        raise InputError(
            f"Span {span.number} has no photo with the digest {strange[0][:80]}{more}.",
            "The review of the span lists the digests of its photos; photos.parquet of the span has all of them.",
        )
    unknown = [label for label in decision.labels.values() if label not in classes]
    if unknown:
        raise InputError(
            f"{unknown[0]!r} is not a class of the pipeline ({', '.join(classes)}).", "The configuration key `labels` names the classes."
        )


def check_not_forgotten(data_root: str, decisions: Sequence[Decision]) -> None:
    """Raises InputError for decisions on photos that were forgotten since the span was read: their digests must not be stored again."""
    named = {digest for decision in decisions for digest in (*decision.photos, *decision.labels)}
    if named and not named.isdisjoint(read_certificates(data_root)):
        raise InputError("A photo of the decision was forgotten meanwhile.", "Decide on the other photos.")


def check_votes(span: Span, decision: Decision, earlier: Sequence[Decision], approvals: int) -> None:
    """`earlier`: the decisions on the span so far. Raises InputError for a decision on photos that changes nothing or leaves no photo, and
    for one that waits for another name than its author's."""
    votes = Votes(approvals)
    for one in earlier:
        votes.add(one)
    before = votes.state()
    if decision.action == "exclude":
        _check_rest(span, decision, before)
    effects = votes.add(decision)
    if effects <= {"repeated", "none"} and "repeated" in effects:
        raise InputError(
            f"{decision.by} took this decision on span {span.number} already: it waits for another name.",
            f"It counts when {approvals} different names gave it.",
        )
    if decision.action in ("accept", "reject"):
        return
    if effects == {"none"} or (effects == {"settled"} and with_edits(span, before.edits).edits == with_edits(span, votes.edits).edits):
        why = {"exclude": "are left out already", "include": "are not left out", "relabel": "have these labels already"}[decision.action]
        raise InputError(f"Nothing changes: the photos of span {span.number} {why}.", "`flowers spans` lists the decisions.")


def _check_rest(span: Span, decision: Decision, before: SpanState) -> None:
    """Counts photos as left out that another name must still agree on."""
    excluded = before.edits.excluded.union(decision.photos, *(waiting.photos for waiting in before.waiting))
    if {row.digest for row in photo_rows(span)} <= excluded:
        raise InputError(
            f"No photo of span {span.number} would be left.", f"Reject it: flowers review reject {span.number} --reason TEXT --by NAME."
        )
