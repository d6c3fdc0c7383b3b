"""What a model answers otherwise than the model that serves now, to the same photos."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from flowers_tfx import features
from flowers_tfx.errors import InputError
from flowers_tfx.explain.model_function import Floats, Vectors
from flowers_tfx.explain.outcomes import Flags, Indices, Outcomes, bounded, check_finite, number, outcomes_of, share_of
from flowers_tfx.explain.photo_set import PhotoSet
from flowers_tfx.explain.significance import holm, mcnemar
from flowers_tfx.litert import PROBABILITIES

MOST_PHOTOS = 12  # in each list
MOST_EXPLAINED = 24
_BANDS = tuple(prop for prop in features.PROPERTIES if prop.sliced)
# How many of the photos to explain come from each list; what one list leaves over goes to the next.
_EXPLAINED = {"broken": 12, "fixed": 8, "other_wrong": 4}


def model_changes(
    photo_set: PhotoSet,
    vectors: Vectors,
    serving_labels: Sequence[str],
    serving_vectors: Vectors,
    subgroups: Mapping[str, Sequence[int]] | None = None,
    most_explained: int = MOST_EXPLAINED,
) -> dict[str, Any]:
    """How the answers of a model differ from those of the serving model, whose classes, `serving_labels`, may have another order or be
    others. `subgroups`: indices of photos by a name for people, beside the classes and the bands of size and light.

    Photos of a class that the serving model does not know are counted under `new_classes` and nowhere else: it could not be right about
    them. `broken`: right before, wrong now; `fixed`: the other way round; `other_wrong`: wrong in another way. `to_explain`: the photos for
    which the caller explains the answers of both models. Raises InputError for a serving model that answers with NaN.
    """
    comparison = _compare(photo_set, vectors, serving_labels, serving_vectors)
    changes = comparison.changes
    groups = [
        *_classes(comparison),
        *_bands(photo_set),
        *(("subgroup", name, np.array(sorted(rows), np.int64)) for name, rows in (subgroups or {}).items()),
    ]
    return {
        "photos": len(photo_set),
        "compared": int(comparison.compared.sum()),
        "right": _share(comparison, ~comparison.outcomes.wrong),
        "serving_right": _share(comparison, comparison.serving_right),
        **{name: int(flags.sum()) for name, flags in changes.items()},
        "net": int(changes["fixed"].sum() - changes["broken"].sum()),
        "p_value": number(mcnemar(int(changes["broken"].sum()), int(changes["fixed"].sum()))),
        "groups": _groups(comparison, groups),
        "lists": {name: _listed(comparison, name) for name in _EXPLAINED},
        "new_classes": _new_classes(comparison),
        "removed_classes": [label for label in serving_labels if label not in photo_set.labels],
        "to_explain": _to_explain(comparison, most_explained),
    }


@dataclass(frozen=True)
class _Comparison:
    """`serving_answers`: the name of the class that the serving model answered, by photo; `compared`: False for photos of classes that it
    does not know."""

    outcomes: Outcomes
    serving_labels: tuple[str, ...]
    serving_probabilities: Floats
    serving_answers: tuple[str, ...]
    compared: Flags

    @cached_property
    def serving_right(self) -> Flags:
        names = [self.outcomes.labels[place] for place in self.outcomes.truth]
        return np.array([answer == name for answer, name in zip(self.serving_answers, names, strict=True)], np.bool_)

    @cached_property
    def changes(self) -> dict[str, Flags]:
        """The kinds of photos that were compared: each is of one kind."""
        right, before = ~self.outcomes.wrong, self.serving_right
        answers = [self.outcomes.labels[place] for place in self.outcomes.answered]
        same = np.array([now == then for now, then in zip(answers, self.serving_answers, strict=True)], np.bool_)
        return {
            "both_right": self.compared & right & before,
            "broken": self.compared & ~right & before,
            "fixed": self.compared & right & ~before,
            "same_wrong": self.compared & ~right & ~before & same,
            "other_wrong": self.compared & ~right & ~before & ~same,
        }

    def ordered(self, kind: str) -> Indices:
        """The photos of a kind, those first where the two models are most certain of what they say."""
        rows = np.flatnonzero(self.changes[kind])
        certainty = np.minimum(self.outcomes.certainty[rows], self.serving_probabilities[rows].max(axis=1))
        ordered: Indices = rows[np.argsort(-certainty, kind="stable")]
        return ordered


def _compare(photo_set: PhotoSet, vectors: Vectors, serving_labels: Sequence[str], serving_vectors: Vectors) -> _Comparison:
    probabilities = serving_vectors[PROBABILITIES]
    if probabilities.shape != (len(photo_set), len(serving_labels)):
        raise InputError(f"The serving model has {probabilities.shape[-1]} outputs and {len(serving_labels)} class names.")
    check_finite(probabilities, "probabilities")
    answers = tuple(serving_labels[place] for place in probabilities.argmax(axis=1))
    compared = np.array([photo_set.labels[place] in serving_labels for place in photo_set.truth], np.bool_)
    return _Comparison(outcomes_of(photo_set, vectors), tuple(serving_labels), probabilities, answers, compared)


def _share(comparison: _Comparison, right: Flags) -> dict[str, Any]:
    """How many of the compared photos are right."""
    count = int((right & comparison.compared).sum())
    return {"count": count, **share_of(count, int(comparison.compared.sum()))}


def _classes(comparison: _Comparison) -> Iterator[tuple[str, str, Indices]]:
    for place, label in enumerate(comparison.outcomes.labels):
        yield "class", label, comparison.outcomes.members(place)


def _bands(photo_set: PhotoSet) -> Iterator[tuple[str, str, Indices]]:
    for band in _BANDS:
        values = [photo.properties.get(band.name) for photo in photo_set.photos]
        for value in band.values:
            yield "property", f"{band.title}: {value}", np.array([row for row, own in enumerate(values) if own == value], np.int64)


def _groups(comparison: _Comparison, groups: Sequence[tuple[str, str, Indices]]) -> list[dict[str, Any]]:
    """A row for each group with photos; p-values adjusted for the number of groups. A photo is in several groups, such as its class and its
    band of size."""
    rows: list[dict[str, Any]] = []
    for kind, name, photos in groups:
        members = photos[comparison.compared[photos]]
        if not len(members):
            continue
        broken, fixed = (int(comparison.changes[change][members].sum()) for change in ("broken", "fixed"))
        other = int(comparison.changes["other_wrong"][members].sum())
        rows.append(
            {
                "kind": kind,
                "name": name,
                "photos": len(members),
                "broken": broken,
                "fixed": fixed,
                "other_wrong": other,
                "net": fixed - broken,
                "p_value": mcnemar(broken, fixed),
            }
        )
    for row, adjusted in zip(rows, holm([row["p_value"] for row in rows]), strict=True):
        row |= {"p_value": number(row["p_value"]), "adjusted_p_value": number(adjusted)}
    return rows


def _listed(comparison: _Comparison, kind: str) -> dict[str, Any]:
    rows = comparison.ordered(kind)
    return {"total": len(rows), "photos": [_row(comparison, index) for index in bounded(rows, MOST_PHOTOS)]}


def _row(comparison: _Comparison, index: int) -> dict[str, Any]:
    before = comparison.serving_probabilities[index]
    return {
        **comparison.outcomes.row(index),
        "serving_answered": comparison.serving_answers[index],
        "serving_probability": number(before.max()),
    }


def _new_classes(comparison: _Comparison) -> list[dict[str, Any]]:
    """Classes that the serving model does not know: `right` of `photos`."""
    rows = []
    for place, label in enumerate(comparison.outcomes.labels):
        if label not in comparison.serving_labels:
            members = comparison.outcomes.members(place)
            right = int((~comparison.outcomes.wrong[members]).sum())
            rows.append({"label": label, "photos": len(members), "right": right, **share_of(right, len(members))})
    return rows


def _to_explain(comparison: _Comparison, most: int) -> list[int]:
    chosen: list[int] = []
    allowed = 0
    for kind, count in _EXPLAINED.items():
        allowed += count
        chosen += bounded(comparison.ordered(kind), min(MOST_PHOTOS, min(most, allowed) - len(chosen)))
    return sorted(chosen)
