"""The gradients that a SavedModel answers with: names of its signature, and types that the model and explanations share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

GRADIENTS_SIGNATURE = "serving_gradients"
PICTURES, WEIGHTS = "pictures", "weights"  # inputs
GRADIENTS, LOGITS = "gradients", "logits"  # outputs

Floats = npt.NDArray[np.float32]


class GradientsOfPictures(NamedTuple):
    """`gradients` float32 [N, s, s, 3]: by how much a sum of logits grows with each value of a picture; `logits` float32 [N, classes],
    before the softmax and after the division by the temperature."""

    gradients: Floats
    logits: Floats


@dataclass(frozen=True)
class Head:
    """The last layer: logits [N, classes] are features [N, F] @ weights [F, classes] + bias [classes], the temperature included."""

    weights: Floats
    bias: Floats
