"""The answer of a model to one photo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from flowers_tfx.litert import FAR, FEATURES, PROBABILITIES, SCORE, UNSURE

Why = Literal["far", "unsure"]
Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Answer:
    """`probabilities` float32 [classes]. A photo is not `known` when it shows none of the classes, as far as the model can tell; `why`:
    it is "far" from all training photos, or near some of them but the network is "unsure". `score`: more than 1 where it is not known;
    None where the model cannot tell, since it was pushed before models could: everything is known to such a model. `features`: float32
    [F], what the backbone computed; only LiteRT gives it."""

    probabilities: Probabilities
    known: bool = True
    why: Why | None = None
    score: float | None = None
    features: npt.NDArray[np.float32] | None = field(default=None, repr=False, compare=False)

    @property
    def is_finite(self) -> bool:
        """False for the answer of a network that is broken."""
        return bool(np.isfinite(self.probabilities).all()) and (self.score is None or bool(np.isfinite(self.score)))


@dataclass(frozen=True)
class Unreadable:
    """A photo without an answer, and why."""

    reason: str


def answer_of(vectors: Mapping[str, npt.NDArray[np.float32]]) -> Answer:
    """From the outputs of a LiteRT model for one photo, float32 [n] each."""
    probabilities = vectors[PROBABILITIES]
    features = vectors.get(FEATURES)
    if SCORE not in vectors:
        return Answer(probabilities, features=features)
    score = float(vectors[SCORE][0])
    known = score <= 1
    why = None if known else why_unknown(float(vectors[FAR][0]), float(vectors[UNSURE][0]))
    return Answer(probabilities, known, why, score, features)


def why_unknown(far: float, unsure: float) -> Why:
    """Of a photo that is not known: the larger of the two."""
    return "far" if far >= unsure else "unsure"
