"""From a photo to the picture that the network sees, with Pillow and NumPy.

How it is made, here and in `model/picture_graph.py` alike, bit for bit:

1. A JPEG is decoded at 1/8, 1/4 or 1/2 of its size, the smallest with both sides at least `image_size`, else at its full size. A PNG is
   always decoded at its full size.
2. A side that is still twice `image_size` or more is halved until it is not: means of neighbours, rounded half up.
3. Bilinear interpolation with half-pixel centres squashes the rest to a square, rounded to the nearest level.
4. The square is turned upright by its EXIF orientation.

Squashing keeps the whole photo and costs no accuracy: docs/adr/0017-the-picture-that-the-network-sees.md has the figures.
"""

from __future__ import annotations

import contextlib
import queue
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from flowers_tfx.data.pictures import TRANSPOSE, Picture, decode_stored

_JPEG_RATIOS = (1, 2, 4, 8)  # what libjpeg can divide the sides by

Pixels = npt.NDArray[np.uint8]
_Taps = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.float32]]


def prepare_picture(picture: Picture, image_size: int) -> Pixels:
    """uint8 [image_size, image_size, 3], upright, squashed to a square, RGB. BadPicture when the pixels can't be decoded."""
    image = decode_stored(picture, jpeg_ratio(*picture.stored.size, image_size))
    if image.mode != "RGB":
        image = image.convert("RGB")
    small = _halve(image, image_size)
    with _scratch(image_size) as scratch:
        square = scratch.resize(small)
    turn = TRANSPOSE.get(picture.orientation or 1)
    return square if turn is None else np.asarray(Image.fromarray(square).transpose(turn))


def jpeg_ratio(width: int, height: int, image_size: int) -> int:
    """The largest ratio at which both sides of the decoded picture are at least `image_size` px; 1 if there is none."""
    return max(ratio for ratio in _JPEG_RATIOS if ratio == 1 or min(width, height) >= ratio * image_size)


def _halve(image: Image.Image, image_size: int) -> Image.Image:
    """Halves each side until it is below twice `image_size`; an odd last row or column is dropped."""
    while max(image.size) >= 2 * image_size:
        across, down = (2 if side >= 2 * image_size else 1 for side in image.size)
        image = image.reduce((across, down), (0, 0, image.width // across * across, image.height // down * down))
    return image


class _Scratch:
    """Memory for the steps of the interpolation, used again for every photo: to allocate it each time would take longer than the rest."""

    def __init__(self, image_size: int) -> None:
        rows, self._size = 2 * image_size, image_size
        self._gathered = np.empty((rows, image_size), np.uint32)
        self._left, self._right = (np.empty((rows, 4 * image_size), np.float32) for _ in range(2))
        self._top, self._bottom = (np.empty((image_size, 4 * image_size), np.float32) for _ in range(2))
        self._bytes = np.empty((image_size, 4 * image_size), np.uint8)

    def resize(self, image: Image.Image) -> Pixels:
        """Bilinear interpolation of an RGB image with sides below twice the size. The order of the operations, in float32, is that of
        TensorFlow's ResizeBilinear: so the results are equal bit for bit."""
        size, (width, height) = self._size, image.size
        # Four bytes a pixel, so that a pixel is one number to gather.
        pixels = np.frombuffer(image.tobytes("raw", "RGBX"), np.uint32).reshape(height, width)
        first_column, last_column, across = _taps(width, size, 4)
        first_row, last_row, down = _taps(height, size, 1)
        left, right = self._left[:height], self._right[:height]
        gathered = self._gathered[:height]
        for columns, side in ((first_column, left), (last_column, right)):
            pixels.take(columns, axis=1, mode="clip", out=gathered)
            side[...] = gathered.view(np.uint8)
        _interpolate(left, right, across)
        right.take(first_row, axis=0, mode="clip", out=self._top)
        right.take(last_row, axis=0, mode="clip", out=self._bottom)
        _interpolate(self._top, self._bottom, down[:, np.newaxis])
        np.rint(self._bottom, out=self._bottom)
        np.copyto(self._bytes, self._bottom, casting="unsafe")
        return np.ascontiguousarray(self._bytes.reshape(size, size, 4)[..., :3])


def _interpolate(start: npt.NDArray[np.float32], end: npt.NDArray[np.float32], share: npt.NDArray[np.float32]) -> None:
    """Writes start + (end - start) * share into `end`."""
    end -= start
    end *= share
    end += start


@lru_cache(maxsize=4096)
def _taps(length: int, size: int, repeats: int) -> _Taps:
    """For each of `size` positions: the two source positions, and the share of the second, each `repeats` times."""
    at = (np.arange(size, dtype=np.float32) + np.float32(0.5)) * (np.float32(length) / np.float32(size)) - np.float32(0.5)
    floor = np.floor(at)
    first = np.maximum(floor, 0).astype(np.intp)
    last = np.minimum(np.ceil(at), length - 1).astype(np.intp)
    return first, last, np.repeat(at - floor, repeats)


_idle: defaultdict[int, queue.SimpleQueue[_Scratch]] = defaultdict(queue.SimpleQueue)  # by size of the picture


@contextlib.contextmanager
def _scratch(image_size: int) -> Iterator[_Scratch]:
    """Memory that no other thread uses meanwhile."""
    try:
        scratch = _idle[image_size].get_nowait()
    except queue.Empty:
        scratch = _Scratch(image_size)
    yield scratch
    _idle[image_size].put(scratch)
