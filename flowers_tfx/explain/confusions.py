"""Which photos a model takes for another class, and for which."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowers_tfx.explain.model_function import Vectors
from flowers_tfx.explain.outcomes import Outcomes, bounded, number, outcomes_of, share_of
from flowers_tfx.explain.photo_set import PhotoSet

MOST_PHOTOS, MOST_PAIRS = 12, 20  # in each list


def confusions(photo_set: PhotoSet, vectors: Vectors, most: int = MOST_PHOTOS) -> dict[str, dict[str, Any]]:
    """By class: `wrong` of `photos` with `share` and Wilson interval, as what they were answered (`answered_as`), which other photos were
    taken for this class (`taken_for_it`), the wrong ones by how certain the wrong answer is, and the right ones with the smallest margin
    between the logits of this class and the next."""
    outcomes = outcomes_of(photo_set, vectors)
    return {label: _of_class(outcomes, place, most) for place, label in enumerate(photo_set.labels)}


def confused_pairs(photo_set: PhotoSet, vectors: Vectors) -> dict[str, Any]:
    """The pairs of a true class and another one that was answered, the most frequent first: `count` photos, their share of the true
    class's photos with Wilson interval. `total`: the number of pairs; at most 20 are listed."""
    outcomes = outcomes_of(photo_set, vectors)
    pairs = [pair for label in range(len(outcomes.labels)) for pair in _pairs(outcomes, label)]
    pairs.sort(key=lambda pair: (-pair["count"], -pair["share"]))
    return {"total": len(pairs), "pairs": pairs[:MOST_PAIRS]}


def _of_class(outcomes: Outcomes, label: int, most: int) -> dict[str, Any]:
    members = outcomes.members(label)
    wrong, right = members[outcomes.wrong[members]], members[~outcomes.wrong[members]]
    taken = np.flatnonzero((outcomes.answered == label) & outcomes.wrong)
    return {
        "photos": len(members),
        "wrong": len(wrong),
        **share_of(len(wrong), len(members)),
        "answered_as": _pairs(outcomes, label)[:MOST_PAIRS],
        "taken_for_it": {
            "total": len(taken),
            "photos": [outcomes.row(index) for index in bounded(taken[np.argsort(-outcomes.certainty[taken], kind="stable")], most)],
        },
        "wrong_photos": [outcomes.row(index) for index in bounded(wrong[np.argsort(-outcomes.certainty[wrong], kind="stable")], most)],
        "smallest_margin": [
            {**outcomes.row(index), "margin": number(outcomes.margin[index]), "next": _runner_up(outcomes, index)}
            for index in bounded(right[np.argsort(outcomes.margin[right], kind="stable")], most)
        ],
    }


def _pairs(outcomes: Outcomes, label: int) -> list[dict[str, Any]]:
    """What the photos of a class were answered as, other than it, the most frequent first."""
    members = outcomes.members(label)
    counts = np.bincount(outcomes.answered[members], minlength=len(outcomes.labels))
    counts[label] = 0
    return [
        {
            "true": outcomes.labels[label],
            "answered": outcomes.labels[answer],
            "count": int(counts[answer]),
            "of": len(members),
            **share_of(int(counts[answer]), len(members)),
        }
        for answer in np.argsort(-counts, kind="stable").tolist()
        if counts[answer]
    ]


def _runner_up(outcomes: Outcomes, index: int) -> str:
    return outcomes.labels[int(np.argsort(-outcomes.probabilities[index], kind="stable")[1])]
