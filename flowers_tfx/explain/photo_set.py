"""The photos that an explanation of a class or of a model rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flowers_tfx.explain.model_function import Pictures


@dataclass(frozen=True)
class Photo:
    """`size`: width and height of the upright photo, px; `properties`: those of flowers_tfx.features by name, None for one that the photo
    does not have."""

    uri: str
    digest: str
    size: tuple[int, int]
    properties: Mapping[str, float | str | None]


@dataclass(frozen=True)
class PhotoSet:
    """`pictures` uint8 [N, s, s, 3]: the photos as the network sees them, squashed to a square; `truth` int64 [N]: the index of each
    photo's class in `labels`, which has the order of the model's outputs."""

    labels: tuple[str, ...]
    photos: tuple[Photo, ...]
    pictures: Pictures
    truth: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.photos)
