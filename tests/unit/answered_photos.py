"""Sets of photos without content, and answers of a model to them, for the analyses that read nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from flowers_tfx.explain.explanation import Explanation, Quality
from flowers_tfx.explain.model_function import Floats, Vectors
from flowers_tfx.explain.photo_set import Photo, PhotoSet
from flowers_tfx.features import PROPERTY_NAMES
from flowers_tfx.litert import FEATURES, PROBABILITIES

LABELS = ("daisy", "roses", "tulips")


def photo_set(
    truth: Sequence[int], labels: Sequence[str] = LABELS, properties: Sequence[Mapping[str, float | str | None]] | None = None
) -> PhotoSet:
    """`properties`: those of each photo that are not None."""
    own = properties or [{}] * len(truth)
    photos = tuple(
        Photo(f"{place}.jpg", hashlib.sha256(str(place).encode()).hexdigest(), (4, 4), {**dict.fromkeys(PROPERTY_NAMES), **values})
        for place, values in enumerate(own)
    )
    return PhotoSet(tuple(labels), photos, np.zeros((len(truth), 4, 4, 3), np.uint8), np.array(truth, np.int64))


def answers(
    chosen: Sequence[int], classes: int = len(LABELS), certainty: Sequence[float] | None = None, features: Floats | None = None
) -> Vectors:
    """Probabilities with the largest for the chosen class of each photo, the rest shared by the others."""
    sure = np.full(len(chosen), 0.9) if certainty is None else np.array(certainty)
    probabilities = np.repeat(((1 - sure) / (classes - 1))[:, None], classes, axis=1)
    probabilities[np.arange(len(chosen)), list(chosen)] = sure
    return {
        PROBABILITIES: probabilities.astype(np.float32),
        FEATURES: np.ones((len(chosen), 8), np.float32) if features is None else features.astype(np.float32),
    }


def explanation(evidence: Floats, target: int = 0, *reasons: str) -> Explanation:
    """`reasons`: why it is not trustworthy."""
    quality = Quality(0.2, 0.8, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, reasons=reasons)
    return Explanation(target, "rise", evidence.astype(np.float32), (), quality, 1 - min(target, 1), np.zeros_like(evidence), 1.0)
