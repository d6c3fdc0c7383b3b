"""Parts of pictures, in several sizes and places, and the features that a network has for each of them alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from flowers_tfx.explain.model_function import Answers, Floats, Pictures
from flowers_tfx.litert import FEATURES
from flowers_tfx.progress import ProgressCallback
from flowers_tfx.threads import map_in_threads

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 as shares of width and height, 0 to 1

# The side of a crop as a share of the picture's, and how many crops of this side lie in a row and in a column, evenly spaced.
_SIZES = ((1 / 2, 3), (1 / 3, 5))
# Photos whose crops are in memory at a time.
_BATCH = 8


def crop_boxes() -> tuple[Box, ...]:
    """Of the crops of a picture, the larger ones first, row by row. They overlap, so that every part is whole in one of them."""
    return tuple(
        (x, y, min(x + side, 1.0), min(y + side, 1.0))
        for side, number in _SIZES
        for y in _starts(side, number)
        for x in _starts(side, number)
    )


def _starts(side: float, number: int) -> list[float]:
    return [position * (1 - side) / (number - 1) for position in range(number)]


def pixels_of(box: Box, size: int) -> tuple[int, int, int, int]:
    """The box in a picture of this side, x0, y0, x1, y1; at least one pixel."""
    x0, y0 = (min(round(share * size), size - 1) for share in box[:2])
    return x0, y0, max(round(box[2] * size), x0 + 1), max(round(box[3] * size), y0 + 1)


def crop(picture: Pictures, box: Box) -> Pictures:
    """This part of a picture, uint8 [s, s, 3], enlarged to the picture's size."""
    size = picture.shape[0]
    image = Image.fromarray(picture).resize((size, size), Image.Resampling.BICUBIC, box=pixels_of(box, size))
    return np.asarray(image)


def crop_features(pictures: Pictures, boxes: Sequence[Box], answers: Answers, progress: ProgressCallback) -> Floats:
    """float32 [N, boxes, F]: the features of each crop of each picture. Progress counts pictures."""
    batches = []
    for start in range(0, len(pictures), _BATCH):
        batch = pictures[start : start + _BATCH]
        crops = list(map_in_threads(lambda part: crop(*part), [(picture, box) for picture in batch for box in boxes]))
        batches.append(answers(np.stack(crops))[FEATURES].reshape(len(batch), len(boxes), -1))
        progress(start + len(batch), len(pictures))
    return np.concatenate(batches) if batches else np.zeros((0, len(boxes), 0), np.float32)
