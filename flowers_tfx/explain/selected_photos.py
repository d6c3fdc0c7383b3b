"""Which photos of a set an analysis asks the model about, so that its time is bounded however many classes and photos there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flowers_tfx.explain.photo_set import PhotoSet

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SelectedPhotos:
    """`photo_set`: those alone; `indices`: their places in the whole set."""

    photo_set: PhotoSet
    indices: Indices

    def name(self, rows: Sequence[int] | Indices) -> list[int]:
        """The places in the whole set of some rows of the selection."""
        return [int(self.indices[row]) for row in rows]


def select(photo_set: PhotoSet, indices: Sequence[int] | Indices) -> SelectedPhotos:
    chosen = np.asarray(indices, np.int64)
    photos = tuple(photo_set.photos[index] for index in chosen.tolist())
    return SelectedPhotos(PhotoSet(photo_set.labels, photos, photo_set.pictures[chosen], photo_set.truth[chosen]), chosen)


def spread_over_classes(photo_set: PhotoSet, limit: int) -> SelectedPhotos:
    """At most `limit` photos, in the order of the set: one of each class in turn, a class's in the order of the set."""
    turns = np.zeros(len(photo_set), np.int64)
    for label in range(len(photo_set.labels)):
        members = np.flatnonzero(photo_set.truth == label)
        turns[members] = np.arange(len(members))
    return select(photo_set, np.sort(np.lexsort((photo_set.truth, turns))[:limit]))
