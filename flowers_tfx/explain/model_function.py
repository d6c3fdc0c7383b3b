"""A model as explanations see it: functions of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from flowers_tfx.picture_gradients import Floats, GradientsOfPictures, Head

__all__ = ["Answers", "Floats", "Gradients", "GradientsOfPictures", "Head", "Pictures", "Vectors"]

Pictures = npt.NDArray[np.uint8]  # [N, s, s, 3]; one picture is [s, s, 3]
Vectors = dict[str, Floats]


class Answers(Protocol):
    """What a model answers, `LiteRtModel.run_batch` for one.

    One row for each picture, uint8 [N, s, s, 3], in each of the named outputs of flowers_tfx.litert: PROBABILITIES [N, classes],
    FEATURES [N, F], and with a detector FAR, UNSURE and SCORE, [N, 1] each.
    """

    def __call__(self, pictures: Pictures | Sequence[Pictures]) -> Vectors: ...


class Gradients(Protocol):
    """The gradients of sum(weights * logits) with respect to pictures, float32 [N, s, s, 3], 0 to 255; `weights` float32 [N, classes]: one
    row of 0 and a 1 for the logit of one class."""

    def __call__(self, pictures: Floats, weights: Floats) -> GradientsOfPictures: ...

    @property
    def layers(self) -> int:
        """Layers with weights, the head included."""
        ...

    def randomised(self, layers: int, seed: int = 0) -> Gradients:
        """Those of the same network with new random weights in its last `layers` layers, the same ones for the same seed."""
        ...
