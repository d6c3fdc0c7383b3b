"""The pictures on the page of a model: small JPEGs in base64, made when the page asks for them."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image

from flowers_tfx.data.small_pictures import small_jpeg
from flowers_tfx.explain.example_pictures import draw
from flowers_tfx.explain.explanation import Explanation
from flowers_tfx.explain.heat_map import colour_scale, heat_map
from flowers_tfx.explain.model_function import Pictures
from flowers_tfx.explain.photo_set import PhotoSet

_SMALL_PX, _LARGE_PX = 132, 240  # the longer side, of a photo in a list and of one that is explained
_LEGEND = (320, 16)
_PAGE_BYTES = 5_500_000  # of all JPEGs: in base64, with the text, that stays below 8 MB
_OF_EACH_CLASS, _OF_ALL = 90, 60  # pictures at most
_LARGEST, _SMALLEST = 9_000, 900  # bytes of one


class PagePictures:
    """`explanations`, and those of the model that serves now, `serving`: by the photo's index."""

    def __init__(self, photos: PhotoSet, explanations: Mapping[int, Explanation], serving: Mapping[int, Explanation]) -> None:
        self._photos, self._explanations, self._serving = photos, explanations, serving

    def photo(self, index: int, large: bool = False) -> str:
        return self._encode(self._upright(self._photos.pictures[index], index), _LARGE_PX if large else _SMALL_PX)

    def heat_map(self, index: int, serving: bool = False) -> str | None:
        """None for a photo without an explanation that can be trusted."""
        explanation = (self._serving if serving else self._explanations).get(index)
        if explanation is None or not explanation.quality.trustworthy:
            return None
        photo = self._upright(self._photos.pictures[index], index)
        return self._encode(heat_map(photo, explanation.map, explanation.regions), _LARGE_PX)

    def crop(self, index: int, box: Sequence[float]) -> str:
        """`box`: shares of the picture."""
        photo = self._upright(self._photos.pictures[index], index)
        width, height = photo.size
        left, top = int(box[0] * width), int(box[1] * height)
        return self._encode(photo.crop((left, top, max(round(box[2] * width), left + 1), max(round(box[3] * height), top + 1))), _SMALL_PX)

    def mean_map(self, cells: Sequence[Sequence[float]]) -> str:
        """Over an even gray."""
        ground = np.full((_LARGE_PX, _LARGE_PX, 3), 110, np.uint8)
        return self._encode(heat_map(ground, np.array(cells, np.float32)), _LARGE_PX)

    def changed(self, perturbation: Mapping[str, Any], index: int) -> str:
        """The photo after the change that an entry of `reliance` names."""
        return self._encode(self._upright(draw(self._photos, dict(perturbation), index), index), _LARGE_PX)

    @cached_property
    def legend(self) -> str:
        return base64.b64encode(small_jpeg(colour_scale(*_LEGEND), _LEGEND[0], _LARGEST)).decode()

    @cached_property
    def _bytes(self) -> int:
        """Of one picture: fewer with many classes."""
        return max(_SMALLEST, min(_LARGEST, _PAGE_BYTES // (_OF_ALL + _OF_EACH_CLASS * len(self._photos.labels))))

    def _encode(self, image: Image.Image, side: int) -> str:
        return base64.b64encode(small_jpeg(image, side, self._bytes)).decode()

    def _upright(self, picture: Pictures, index: int) -> Image.Image:
        """In the shape of the photo, which the network sees as a square."""
        width, height = self._photos.photos[index].size
        largest = max(width, height, 1)
        size = (max(1, round(_LARGE_PX * width / largest)), max(1, round(_LARGE_PX * height / largest)))
        return Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS)
