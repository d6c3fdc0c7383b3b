"""Pictures with some parts hidden, and what a model answers to them.

A hidden part shows the same picture strongly blurred: its mean colours stay, its content goes. A network has never seen black holes or the
edges of blocks, and would answer to them instead: so there are none, and the edge of a hidden part is soft.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from flowers_tfx.explain.model_function import Answers, Pictures, Vectors
from flowers_tfx.threads import map_in_threads

BLUR = 1 / 7  # radius of the Gaussian blur, of the picture's side
BATCH_SIZE = 64  # pictures with hidden parts that are in memory at a time


@dataclass(frozen=True)
class Screen:
    """`shown` uint8 [g, g]: 255 for a cell of the picture that is shown, 0 for a hidden one. `corner`: x and y, in cells, of the corner of
    the picture on the grid; the picture is `side` cells wide and high."""

    shown: npt.NDArray[np.uint8]
    corner: tuple[float, float]
    side: float

    def opacity(self, size: int) -> Image.Image:
        """How much is shown of each of size x size pixels, 0 to 255, by bilinear interpolation between the cells."""
        x, y = self.corner
        box = (x, y, x + self.side, y + self.side)
        return Image.fromarray(self.shown).resize((size, size), Image.Resampling.BILINEAR, box=box)


class HiddenParts:
    """One picture, uint8 [s, s, 3], behind screens."""

    def __init__(self, picture: Pictures) -> None:
        self.picture = picture
        self.size = len(picture)
        self._photo = Image.fromarray(picture)
        self._blurred = self._photo.filter(ImageFilter.GaussianBlur(BLUR * self.size))

    @property
    def blurred(self) -> Pictures:
        """The picture with all of it hidden."""
        return np.asarray(self._blurred)

    def behind(self, screen: Screen) -> Pictures:
        """The picture with the screen's parts hidden, uint8 [s, s, 3]."""
        return np.asarray(Image.composite(self._photo, self._blurred, screen.opacity(self.size)))

    def answers_behind(self, screens: Iterable[Screen], answers: Answers) -> Vectors:
        """A row in each output for each screen; at least one screen."""
        batches = [answers(list(map_in_threads(self.behind, batch))) for batch in _batches(screens)]
        return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def _batches(screens: Iterable[Screen]) -> Iterator[list[Screen]]:
    remaining = iter(screens)
    while batch := list(islice(remaining, BATCH_SIZE)):
        yield batch
