"""Subgroups of photos in which a model fails more often than elsewhere: found in one half of the photos, tested on the other."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from flowers_tfx.explain.model_function import Vectors
from flowers_tfx.explain.outcomes import Flags, Indices, Outcomes, bounded, number, outcomes_of, share_of, unit_features
from flowers_tfx.explain.photo_set import PhotoSet
from flowers_tfx.explain.significance import LEVEL, holm, more_often
from flowers_tfx.explain.subgroup_power import smallest_effect
from flowers_tfx.explain.subgroup_rules import (
    CATEGORIES,
    CLASS,
    CLUSTER,
    PhotoValues,
    Rule,
    condition_row,
    in_words,
    photo_values,
)
from flowers_tfx.explain.subgroup_search import cluster_photos, minimum_photos, overlap, search

MOST_PHOTOS = 12  # listed of each subgroup
_FEWEST_PHOTOS, _FEWEST_WRONG = 20, 4
_SAME_AS_CLASS = 0.8  # overlap with one class


def find_subgroups(photo_set: PhotoSet, vectors: Vectors) -> dict[str, Any]:
    """Subgroups in which the answer is wrong more often than in the other photos.

    Half of the photos, by a hash of their digests, is searched for rules that pick out wrong answers: many rules, so that some look good by
    chance. The most promising ones are then tested on the other half with Fisher's exact test and Holm's correction for their number.
    `subgroups`: those that are significant there; their figures are those of the tested half. `not_confirmed`: the other candidates;
    `repeats` names the subgroup without whose photos one is not significant. `smallest_effect`: how large the error rate of a quarter of
    the photos must be to be found in 4 of 5 cases, if the others fail as often as the photos outside of all `subgroups` do.
    `not_searched`: why there was no search, or empty.
    """
    outcomes, unit = outcomes_of(photo_set, vectors), unit_features(vectors)
    tested_half = np.array([_is_tested(photo.digest) for photo in photo_set.photos], np.bool_)
    halves = int((~tested_half).sum()), int(tested_half.sum())
    reason = _why_not(outcomes, halves)
    values = photo_values(photo_set, np.zeros(len(photo_set), np.int64) if reason else cluster_photos(unit))
    candidates, looked_at = ([], 0) if reason else search(values, outcomes.wrong, ~tested_half)
    significant, others = _tested([candidate.rule for candidate in candidates], values, outcomes, tested_half)
    others_wrong = outcomes.wrong[~np.isin(np.arange(len(photo_set)), [index for row in significant for index in row["members"]])]
    return {
        "photos": len(photo_set),
        "wrong": int(outcomes.wrong.sum()),
        "not_searched": reason,
        "searched": _searched(outcomes, ~tested_half, values, looked_at),
        "tested": {
            "photos": halves[1],
            "wrong": int(outcomes.wrong[tested_half].sum()),
            "rules": len(candidates),
            "level": LEVEL,
        },
        "smallest_effect": smallest_effect(*halves, int(others_wrong.sum()) / max(1, len(others_wrong)), looked_at),
        "subgroups": significant,
        "not_confirmed": others,
    }


def _searched(outcomes: Outcomes, searched_half: Flags, values: PhotoValues, rules: int) -> dict[str, Any]:
    photos = int(searched_half.sum())
    return {
        "photos": photos,
        "wrong": int(outcomes.wrong[searched_half].sum()),
        "properties": [*values.searchable_numbers, *(name for name in CATEGORIES if len(np.unique(values.texts[name])) > 1)],
        "clusters": len(np.unique(values.clusters)) if len(values) else 0,
        "rules": rules,
        "minimum_photos": minimum_photos(photos),
    }


def _is_tested(digest: str) -> bool:
    # A hash of its own: splits are hashes of the digest too, so that its own bits may be the same for all photos of a split.
    return bool(hashlib.sha256(f"subgroups {digest}".encode()).digest()[0] & 1)


def _why_not(outcomes: Outcomes, halves: tuple[int, int]) -> str:
    wrong = int(outcomes.wrong.sum())
    if len(outcomes) < _FEWEST_PHOTOS:
        return f"{len(outcomes)} photos are too few to search: {_FEWEST_PHOTOS} are needed."
    if min(wrong, len(outcomes) - wrong) < _FEWEST_WRONG:
        return (
            f"{wrong} wrong answers of {len(outcomes)} cannot be compared: {_FEWEST_WRONG} wrong and {_FEWEST_WRONG} right ones are needed."
        )
    if min(halves) < _FEWEST_PHOTOS // 4:
        return "Nearly all photos fall into one half."
    return ""


def _tested(rules: list[Rule], values: PhotoValues, outcomes: Outcomes, tested_half: Flags) -> tuple[list[dict[str, Any]], ...]:
    """The rows of the rules that are significant, and of the others."""
    rows = [_tested_row(rule, values, outcomes, tested_half) for rule in rules]
    significant: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    rest = tested_half
    for rule, row, adjusted in zip(rules, rows, holm([row["p_value"] for row in rows]), strict=True):
        matches = values.matches(rule)
        # Significant only because it shares photos with a subgroup that is already reported?
        repeats = adjusted <= LEVEL and bool(significant) and _p_value(outcomes, matches & rest, ~matches & rest) > LEVEL
        row |= {"p_value": number(row["p_value"]), "adjusted_p_value": number(adjusted)}
        row["repeats"] = significant[-1]["rule"] if repeats else None
        if adjusted <= LEVEL and not repeats:
            significant.append(row)
            rest = rest & ~matches
        else:
            others.append(row)
    return significant, others


def _p_value(outcomes: Outcomes, inside: Flags, outside: Flags) -> float:
    wrong = outcomes.wrong
    return more_often(int(wrong[inside].sum()), int(inside.sum()), int(wrong[outside].sum()), int(outside.sum()))


def _tested_row(rule: Rule, values: PhotoValues, outcomes: Outcomes, tested_half: Flags) -> dict[str, Any]:
    matches = values.matches(rule)
    inside, outside = _errors(outcomes, matches & tested_half), _errors(outcomes, ~matches & tested_half)
    members = np.flatnonzero(matches)
    order = np.lexsort((members, -outcomes.certainty[members], ~outcomes.wrong[members]))
    class_share = _largest_class(outcomes, members)
    return {
        "rule": in_words(rule, values),
        "kind": _kind(rule),
        "same_as_class": _same_as_class(outcomes, matches),
        "conditions": [condition_row(condition) for condition in rule],
        "inside": inside,
        "outside": outside,
        "expected_from_classes": _expected_from_classes(outcomes, matches & tested_half, ~matches),
        "p_value": _p_value(outcomes, matches & tested_half, ~matches & tested_half),
        "largest_class": class_share,
        "photos": len(members),
        "wrong": int(outcomes.wrong[members].sum()),
        "examples": [outcomes.row(index) for index in bounded(members[order], MOST_PHOTOS)],
        "members": [int(index) for index in members],
    }


def _errors(outcomes: Outcomes, photos: Flags) -> dict[str, Any]:
    wrong = int(outcomes.wrong[photos].sum())
    return {"photos": int(photos.sum()), "wrong": wrong, **share_of(wrong, int(photos.sum()))}


def _kind(rule: Rule) -> str:
    """What the rule reads: `class`, `cluster`, `property`, or `mixed`. TFX reports every class already."""
    kinds = {condition.name if condition.name in (CLASS, CLUSTER) else "property" for condition in rule}
    return kinds.pop() if len(kinds) == 1 else "mixed"


def _same_as_class(outcomes: Outcomes, matches: Flags) -> str | None:
    """The class that the photos are, nearly all of it and nothing else."""
    for place, label in enumerate(outcomes.labels):
        if overlap(matches, outcomes.truth == place) >= _SAME_AS_CLASS:
            return label
    return None


def _largest_class(outcomes: Outcomes, members: Indices) -> dict[str, Any]:
    counts = np.bincount(outcomes.truth[members], minlength=len(outcomes.labels))
    return {"label": outcomes.labels[int(counts.argmax())], "photos": int(counts.max())}


def _expected_from_classes(outcomes: Outcomes, inside: Flags, outside: Flags) -> float | None:
    """The share of the photos inside that would be wrong if each class were wrong as often as outside; a class without photos outside as
    often as all photos outside. A subgroup that fails no more than this is only a mixture of difficult classes."""
    if not inside.any() or not outside.any():
        return None
    rates = []
    for place in outcomes.truth[inside]:
        own = outside & (outcomes.truth == place)
        rates.append(float(outcomes.wrong[own if own.any() else outside].mean()))
    return number(np.mean(rates))
