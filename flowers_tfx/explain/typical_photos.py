"""Which photos of a class the model finds typical."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowers_tfx.explain.model_function import Vectors
from flowers_tfx.explain.outcomes import Doubles, Indices, Outcomes, bounded, number, outcomes_of, unit_features
from flowers_tfx.explain.photo_set import PhotoSet

MOST_PHOTOS = 8  # in each list


def typical_photos(photo_set: PhotoSet, vectors: Vectors, most: int = MOST_PHOTOS) -> dict[str, dict[str, Any]]:
    """By class, of the photos that are answered right: `nearest`, those nearest to the class in the space of the features; `most_certain`,
    those with the largest margin; `least_typical`, those farthest from the class.

    The distance is the cosine distance, 0 to 2, to the mean of their features of length 1. Mahalanobis' distance needs the covariance of
    1,280 features, for which the photos of one class in `test` are far too few.
    """
    outcomes, features = outcomes_of(photo_set, vectors), unit_features(vectors)
    return {label: _of_class(outcomes, features, place, most) for place, label in enumerate(photo_set.labels)}


def _of_class(outcomes: Outcomes, features: Doubles, label: int, most: int) -> dict[str, Any]:
    members = outcomes.members(label)
    right = members[~outcomes.wrong[members]]
    distances = dict(zip(right.tolist(), _distances(features[right]), strict=True))
    # Stable sorts: photos that are equal keep their order.
    ordered = np.array(sorted(distances, key=lambda index: distances[index]), np.int64)
    # Of few photos, none is both among the nearest and among the farthest.
    nearest, farthest = ordered[: (len(ordered) + 1) // 2], ordered[(len(ordered) + 1) // 2 :][::-1]
    certain = right[np.argsort(-outcomes.margin[right], kind="stable")]

    def rows(indices: Indices) -> list[dict[str, Any]]:
        return [{**outcomes.row(index), "distance": number(distances[index])} for index in bounded(indices, most)]

    return {
        "photos": len(members),
        "right": len(right),
        "nearest": rows(nearest),
        "most_certain": rows(certain),
        "least_typical": rows(farthest),
    }


def _distances(features: Doubles) -> list[float]:
    """Of each row to the mean of all."""
    if not len(features):
        return []
    centre = features.mean(axis=0)
    length = float(np.linalg.norm(centre))
    return [float(value) for value in 1 - features @ (centre / length if length > 0 else centre)]
