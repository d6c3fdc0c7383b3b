"""The photos of a search for training settings: those that its trials see, and those that none of them sees."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from flowers_tfx.errors import InputError
from flowers_tfx.model.splits import Labels, SplitSource

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class HeldOut:
    """Of each photo of `train`, in its order: whether it is held out, and its label."""

    mask: Mask
    labels: Labels


def hold_out(train_set: SplitSource, share: float) -> HeldOut:
    """A share of the photos by a hash of their content: the same photos in any order, and copies stay together.

    Raises InputError if no photo, or every photo, is held out.
    """
    photos = [(_position(picture.tobytes()) < share, int(label)) for picture, label in train_set.read().as_numpy_iterator()]
    mask, labels = np.array([held for held, _ in photos], bool), np.array([label for _, label in photos], np.int64)
    if not mask.any() or mask.all():
        raise InputError(
            f"The {len(mask)} photos of the split train cannot be divided for a search: {int(mask.sum())} are held out.",
            "Ingest more photos, or change tuning.holdout.",
        )
    return HeldOut(mask, labels)


def choose(source: SplitSource, mask: Mask) -> SplitSource:
    """The photos for which `mask` is true."""

    def read() -> tf.data.Dataset:
        chosen = tf.data.Dataset.zip((source.read(), tf.data.Dataset.from_tensor_slices(mask)))
        return chosen.filter(lambda _photo, kept: kept).map(lambda photo, _kept: photo)

    return SplitSource(int(mask.sum()), read)


def _position(content: bytes) -> float:
    """From 0 to 1, evenly spread."""
    return int.from_bytes(hashlib.sha256(content).digest()[:8], "big") / 2.0**64
