"""Training pictures that show the int8 conversion which values occur."""

from __future__ import annotations

import numpy as np

from flowers_tfx.litert import Pictures
from flowers_tfx.model.splits import Labels, SplitSource

NUMBER = 200


def representative_pictures(split: SplitSource, seed: int) -> Pictures:
    """uint8 [N, s, s, 3], N at most 200: as many of each class as its photos allow. The same split and seed give the same pictures."""
    labels = np.array([label for _, label in split.read().as_numpy_iterator()], np.int64)
    chosen = spread_over_classes(labels, NUMBER, seed)
    return np.stack([picture for at, (picture, _) in enumerate(split.read().as_numpy_iterator()) if at in chosen])


def spread_over_classes(labels: Labels, number: int, seed: int) -> set[int]:
    """Positions of `number` photos, all if there are fewer: in turn one of each class that has photos left."""
    order = np.random.default_rng(seed).permutation(len(labels))
    turns = np.empty(len(labels), np.int64)  # a photo's place within its class
    for label in np.unique(labels):
        of_class = order[labels[order] == label]
        turns[of_class] = np.arange(len(of_class))
    return {int(at) for at in order[np.argsort(turns[order], kind="stable")][:number]}
