"""What the page of a review shows beside its report: the findings, groups and labels that decisions are about, and the decisions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flowers_tfx.desk.review_state import ReviewState
from flowers_tfx.finding_kinds import BY_KEY

MAX_FINDINGS = 200
MAX_GROUPS = 30
MAX_LABELS = 300
GROUP_PICTURES = 12
_DIGEST = re.compile(r"[0-9a-f]{64}")  # a forgotten photo has none any more


@dataclass(frozen=True)
class FindingRow:
    """A finding that can be accepted. `stops`: the run does not go on until it is."""

    id: str
    level: str
    kind: str
    message: str
    stops: bool


@dataclass(frozen=True)
class GroupRow:
    """Photos that can be left out together. `accuracy`: of the model on them, 0 to 1; `without`: the verdict on the others, empty if it was
    not computed; `excluded`: how many of the photos are out already."""

    id: str
    words: str
    photos: tuple[str, ...]
    accuracy: float | None
    without: str
    excluded: int

    @property
    def shown(self) -> tuple[str, ...]:
        return self.photos[:GROUP_PICTURES]

    @property
    def is_out(self) -> bool:
        return self.excluded == len(self.photos)


@dataclass(frozen=True)
class LabelRow:
    """A photo whose label may be wrong. `label`: as it is now; `suggested`: another class, empty if nothing suggests one; `is_corrected`: a
    reviewer has corrected it since the review."""

    digest: str
    name: str
    label: str
    suggested: str = ""
    is_corrected: bool = False


@dataclass(frozen=True)
class LeftOut:
    """Photos of a decision that are out still. `id`: the number of the decision among those on the review's spans."""

    id: str
    by: str
    when: str
    reason: str
    photos: tuple[str, ...]

    @property
    def shown(self) -> tuple[str, ...]:
        return self.photos[:GROUP_PICTURES]


@dataclass(frozen=True)
class ReviewView:
    """`classes`: those that photos can get; `more`: how many findings and suspects have no room on the page."""

    state: ReviewState
    findings: tuple[FindingRow, ...]
    groups: tuple[GroupRow, ...]
    suspects: tuple[LabelRow, ...]
    classes: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()
    more: Mapping[str, int] = field(default_factory=dict)

    @property
    def photos(self) -> set[str]:
        """Digests of all photos that the page has pictures of."""
        rows: tuple[GroupRow | LeftOut, ...] = (*self.groups, *self.left_out)
        return {digest for row in rows for digest in row.shown} | {row.digest for row in self.suspects}


def view_of(state: ReviewState, classes: Sequence[str], audited: Sequence[LabelRow] = ()) -> ReviewView:
    """`audited`: photos that an audit of the labels names; they are listed first, then those that the run suspects."""
    review = state.stored.review
    findings = _findings(review, state)
    suspects = _still_suspect([*audited, *_suspects(review)], state)
    return ReviewView(
        state,
        tuple(findings[:MAX_FINDINGS]),
        tuple(_groups(review, state.excluded)),
        tuple(suspects[:MAX_LABELS]),
        tuple(classes),
        tuple(_left_out(state)),
        {"findings": max(0, len(findings) - MAX_FINDINGS), "suspects": max(0, len(suspects) - MAX_LABELS)},
    )


def _findings(review: Mapping[str, Any], state: ReviewState) -> list[FindingRow]:
    """Those that stop the run first; notes need no acceptance."""
    rows = [
        FindingRow(one["id"], one["level"], BY_KEY[one["kind"]].title if one["kind"] in BY_KEY else one["kind"], one["message"], stops)
        for one in review["findings"]
        if (stops := one["id"] in state.open_findings) or (one["level"] == "warn" and not one.get("accepted"))
    ]
    return sorted(rows, key=lambda row: not row.stops)


def _groups(review: Mapping[str, Any], excluded: frozenset[str]) -> list[GroupRow]:
    rows = []
    for group in review.get("groups", ())[:MAX_GROUPS]:
        photos = tuple(digest for digest in group["photos"] if _DIGEST.fullmatch(digest))
        without = str(group.get("verdict_without") or "")
        rows.append(GroupRow(str(group["id"]), str(group["words"]), photos, group.get("accuracy"), without, len(excluded & set(photos))))
    return [row for row in rows if row.photos]


def label_row(suspect: Mapping[str, Any]) -> LabelRow:
    """Of an entry of `suspects` in the JSON of an audit or of a run's review."""
    return LabelRow(str(suspect["digest"]), _name(suspect["uri"]), str(suspect["label"]), str(suspect["suggested"]))


def _suspects(review: Mapping[str, Any]) -> Iterator[LabelRow]:
    """The photos that the run suspects, and those of findings on labels."""
    yield from map(label_row, review.get("suspects", ()))
    for finding in review["findings"]:
        if finding["kind"] in ("label", "conflict"):
            for photo in finding["examples"]:
                yield LabelRow(photo["digest"], _name(photo["uri"]), photo["label"])


def _still_suspect(rows: Sequence[LabelRow], state: ReviewState) -> list[LabelRow]:
    """Each photo once, without those that are left out or have no label; those that were corrected since come last."""
    corrected = {digest: label for span in state.span_states for digest, label in span.edits.labels.items()}
    first: dict[str, LabelRow] = {}
    for row in rows:
        if _DIGEST.fullmatch(row.digest) and row.label and row.digest not in state.excluded:
            first.setdefault(row.digest, row)
    unseen = [row for row in first.values() if corrected.get(row.digest, row.label) == row.label]
    seen = [
        replace(row, label=corrected[row.digest], suggested="", is_corrected=True)
        for row in first.values()
        if corrected.get(row.digest, row.label) != row.label
    ]
    return [*unseen, *seen]


def _name(uri: Any) -> str:
    return str(uri).rsplit("/", 1)[-1]


def _left_out(state: ReviewState) -> list[LeftOut]:
    """Each photo with the newest decision that left it out."""
    rest, rows = set(state.excluded), []
    for number, decision in reversed(list(enumerate(state.decisions))):
        photos = tuple(digest for digest in decision.photos if decision.action == "exclude" and digest in rest)
        if photos:
            rest -= set(photos)
            rows.append(LeftOut(str(number), decision.by, decision.when, decision.reason, photos))
    return rows
