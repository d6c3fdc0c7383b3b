"""Spans as reviewers left them: without the photos that they excluded, and with the labels that they corrected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow.parquet as pq

from flowers_tfx import features, storage
from flowers_tfx.class_names import class_names
from flowers_tfx.data.decisions import Decision, decisions_on
from flowers_tfx.data.photo_edits import PhotoEdits
from flowers_tfx.data.span_states import Votes, span_state
from flowers_tfx.data.spans import PHOTOS, Span


@dataclass(frozen=True)
class PhotoRow:
    digest: str
    label: str
    split: str


def photo_rows(span: Span) -> list[PhotoRow]:
    """The photos that the span was delivered with, whatever reviewers decided on them."""
    with storage.local_file(span.path / PHOTOS) as path:
        table = pq.read_table(path, columns=[features.DIGEST, features.LABEL, "split"])
    digests, labels, splits = (table[name].to_pylist() for name in (features.DIGEST, features.LABEL, "split"))
    return [PhotoRow(*row) for row in zip(digests, class_names(labels), splits, strict=True)]


def with_edits(span: Span, edits: PhotoEdits) -> Span:
    """The span with counts of what is left. Edits of photos that it does not have, and labels that are the photo's own, are dropped."""
    if not edits:
        return span
    rows = photo_rows(span)
    known = _known_edits(edits, rows)
    kept = [replace(row, label=known.labels.get(row.digest, row.label)) for row in rows if row.digest not in known.excluded]
    return replace(span, edits=known, manifest={**span.manifest, **_counts(kept, span.labels)})


def edited_span(decisions: Sequence[Decision], span: Span, approvals: int = 1) -> Span:
    """The span as reviewers left it: `decisions` on any spans."""
    return with_edits(span, span_state(decisions_on(decisions, span), approvals).edits)


def edits_identity(decisions: Sequence[Decision], span: Span, approvals: int) -> dict[str, Any]:
    """What names the edits of an edited span in a window or a version: how many decisions on the span lead to them first, and their digest.
    The digests of photos stand in decisions.jsonl alone: a photo that is forgotten leaves that file, and is named nowhere else."""
    rows, votes = photo_rows(span), Votes(approvals)
    for number, decision in enumerate(decisions_on(decisions, span), 1):
        votes.add(decision)
        if _known_edits(votes.edits, rows) == span.edits:
            return {"approvals": approvals, "decisions": number, "digest": span.edits.digest}
    raise ValueError(f"no decision edits {span.path} so")


def with_recorded_edits(decisions: Sequence[Decision], span: Span, identity: Mapping[str, Any] | None) -> Span:
    """The span with the edits that `edits_identity` named. Their digest is another one where a photo among them was forgotten since."""
    if not identity:
        return span
    return edited_span(decisions_on(decisions, span)[: identity["decisions"]], span, identity["approvals"])


def without_photos(span: Span, digests: frozenset[str]) -> Span:
    return with_edits(span, replace(span.edits, excluded=span.edits.excluded | digests)) if digests else span


def only_photos(span: Span, digests: frozenset[str]) -> Span:
    others = {row.digest for row in photo_rows(span)} - digests
    return with_edits(span, replace(span.edits, excluded=frozenset(others)))


def _known_edits(edits: PhotoEdits, rows: Sequence[PhotoRow]) -> PhotoEdits:
    """The edits that change one of these photos."""
    own = {row.digest: row.label for row in rows}
    excluded = edits.excluded & own.keys()
    labels = {photo: label for photo, label in edits.labels.items() if photo in own and photo not in excluded and label != own[photo]}
    return PhotoEdits(excluded, labels)


def _counts(rows: Sequence[PhotoRow], labels: Sequence[str]) -> dict[str, Any]:
    """Classes of the manifest stay, those of corrected labels come after them."""
    names = tuple(dict.fromkeys((*labels, *sorted({row.label for row in rows}))))
    pairs = Counter((row.split, row.label) for row in rows)
    by_split = {split: {label: pairs[split, label] for label in names} for split in features.SPLITS}
    return {
        "labels": list(names),
        "examples": len(rows),
        "splits": {split: sum(by_split[split].values()) for split in features.SPLITS},
        "label_counts": {label: sum(by_split[split][label] for split in features.SPLITS) for label in names},
        "label_counts_by_split": by_split,
    }
