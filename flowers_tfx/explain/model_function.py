"""A model as explanations see it: functions of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Pictures = npt.NDArray[np.uint8]  # [N, s, s, 3]; one picture is [s, s, 3]
Floats = npt.NDArray[np.float32]
Vectors = dict[str, Floats]


class Answers(Protocol):
    """What a model answers, `LiteRtModel.run_batch` for one.

    One row for each picture, uint8 [N, s, s, 3], in each of the named outputs of flowers_tfx.litert: PROBABILITIES [N, classes],
    FEATURES [N, F], and with a detector FAR, UNSURE and SCORE, [N, 1] each.
    """

    def __call__(self, pictures: Pictures | Sequence[Pictures]) -> Vectors: ...


class GradientsOfPictures(NamedTuple):
    """`gradients` float32 [N, s, s, 3]: by how much a sum of logits grows with each value of a picture; `logits` float32 [N, classes],
    before the softmax and after the division by the temperature."""

    gradients: Floats
    logits: Floats


class Gradients(Protocol):
    """The gradients of sum(weights * logits) with respect to pictures, float32 [N, s, s, 3], 0 to 255; `weights` float32 [N, classes]: one
    row of 0 and a 1 for the logit of one class."""

    def __call__(self, pictures: Floats, weights: Floats) -> GradientsOfPictures: ...


@dataclass(frozen=True)
class Head:
    """The last layer: logits [N, classes] are features [N, F] @ weights [F, classes] + bias [classes], the temperature included."""

    weights: Floats
    bias: Floats
