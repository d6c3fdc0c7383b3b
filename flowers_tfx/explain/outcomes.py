"""What a model answered to each photo of a set, beside what the photo shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from flowers_tfx.errors import InputError
from flowers_tfx.explain.model_function import Floats, Vectors
from flowers_tfx.explain.photo_set import PhotoSet
from flowers_tfx.litert import FEATURES, PROBABILITIES, SCORE
from flowers_tfx.wilson import wilson_interval

Indices = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]

DIGITS = 6  # of the numbers in explanations.json
_TINY = 1e-30  # below the smallest probability that a softmax in float32 gives


@dataclass(frozen=True)
class Outcomes:
    """`truth` and `answered` int64 [N]: indices in `labels`; `probabilities` float32 [N, classes]; `known` [N]: False where the model says
    that the photo shows none of its classes, which the analyses report beside the answer but do not count as an error."""

    labels: tuple[str, ...]
    truth: Indices
    probabilities: Floats
    known: Flags

    def __len__(self) -> int:
        return len(self.truth)

    @cached_property
    def answered(self) -> Indices:
        answered: Indices = self.probabilities.argmax(axis=1).astype(np.int64)
        return answered

    @cached_property
    def wrong(self) -> Flags:
        wrong: Flags = self.answered != self.truth
        return wrong

    @cached_property
    def certainty(self) -> Floats:
        """The probability of the answer, float32 [N]."""
        certainty: Floats = self.probabilities.max(axis=1)
        return certainty

    @cached_property
    def margin(self) -> Doubles:
        """Logit of the true class less the largest of the other classes, [N]; negative where the answer is wrong. Probabilities near 1
        are equal in float32 where logits still differ."""
        logits = np.log(np.maximum(self.probabilities.astype(np.float64), _TINY))
        rows = np.arange(len(self))
        true = logits[rows, self.truth]
        logits[rows, self.truth] = -np.inf
        margin: Doubles = true - logits.max(axis=1)
        return margin

    def members(self, label: int) -> Indices:
        """The photos of a class, ascending."""
        return np.flatnonzero(self.truth == label).astype(np.int64)

    def row(self, index: int) -> dict[str, Any]:
        """A photo as it stands in the lists of explanations.json."""
        return {
            "photo": int(index),
            "true": self.labels[self.truth[index]],
            "answered": self.labels[self.answered[index]],
            "probability": number(self.certainty[index]),
            "true_probability": number(self.probabilities[index, self.truth[index]]),
            "known": bool(self.known[index]),
        }


def outcomes_of(photo_set: PhotoSet, vectors: Vectors) -> Outcomes:
    """Raises InputError for a model that has other classes than the set, or that answers with NaN."""
    probabilities, count = vectors[PROBABILITIES], len(photo_set)
    if probabilities.shape != (count, len(photo_set.labels)) or len(photo_set.labels) < 2:
        raise InputError(f"The model has {probabilities.shape[-1]} outputs, the photos have {len(photo_set.labels)} classes.")
    check_finite(probabilities, "probabilities")
    known = vectors[SCORE].reshape(count) <= 1 if SCORE in vectors else np.ones(count, np.bool_)
    return Outcomes(photo_set.labels, photo_set.truth, probabilities, known)


def unit_features(vectors: Vectors) -> Doubles:
    """The features of the photos, [N, F], each of length 1; zeros stay zeros. Raises InputError for NaN."""
    features = vectors[FEATURES].astype(np.float64)
    check_finite(features, "features")
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    unit: Doubles = features / np.where(lengths > 0, lengths, 1)
    return unit


def check_finite(values: npt.NDArray[Any], name: str) -> None:
    broken = int((~np.isfinite(values)).any(axis=1).sum())
    if broken:
        raise InputError(
            f"The model answers {broken} of {len(values)} photos with {name} that are not numbers, so it cannot be explained.",
            "The model is broken: train and push it again.",
        )


def number(value: float | np.floating[Any]) -> float:
    return round(float(value), DIGITS)


def share_of(part: int, whole: int) -> dict[str, Any]:
    """A share and its Wilson interval of 95 %; None of nothing."""
    share = part / whole if whole else None
    interval = wilson_interval(share, whole)
    return {
        "share": None if share is None else number(share),
        "interval": None if interval is None else [number(end) for end in interval],
    }


def bounded(rows: Sequence[int] | Indices, most: int) -> list[int]:
    return [int(row) for row in rows[:most]]
