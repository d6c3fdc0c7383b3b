"""Marks and frames of one colour put on all photos: a class that a mark pulls others to is recognised by such marks.

The colours are eight that differ most; a mark of another look is found where photos have it, by `transplants`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from flowers_tfx.explain import perturbations
from flowers_tfx.explain.answer_changes import compare_answers
from flowers_tfx.explain.model_function import Answers, Floats, Pictures
from flowers_tfx.explain.perturbations import Colour
from flowers_tfx.explain.selected_photos import SelectedPhotos
from flowers_tfx.litert import PROBABILITIES
from flowers_tfx.threads import map_in_threads

COLOURS: dict[str, Colour] = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "red": (220, 30, 30),
    "yellow": (250, 220, 30),
    "green": (40, 160, 50),
    "cyan": (30, 200, 220),
    "blue": (40, 70, 220),
    "magenta": (220, 40, 200),
}
# Shares of the picture: the side of a mark, its distance from the edge, the widths of frames.
_SIDE, _MARGIN = 1 / 8, 1 / 32
_FRAMES = (1 / 32, 1 / 14)
_NEAR, _FAR, _CENTRED = _MARGIN, 1 - _MARGIN - _SIDE, 0.5 - _SIDE / 2
MIDDLE = "middle"
# The left upper corner of the mark: x, y.
PLACES = {
    "top left corner": (_NEAR, _NEAR),
    "top right corner": (_FAR, _NEAR),
    "bottom left corner": (_NEAR, _FAR),
    "bottom right corner": (_FAR, _FAR),
    MIDDLE: (_CENTRED, _CENTRED),
}


@dataclass(frozen=True)
class Mark:
    """`place`: one of PLACES, or "frame". `box`: of a mark, shares of the picture; `width`: of a frame."""

    colour: str
    place: str
    box: tuple[float, float, float, float] | None = None
    width: float | None = None

    def put(self, picture: Pictures) -> Pictures:
        colour = COLOURS[self.colour]
        if self.box is None:
            return perturbations.framed(picture, colour, self.width or _FRAMES[0])
        return perturbations.marked(picture, colour, self.box)


def _marks() -> tuple[Mark, ...]:
    patches = [Mark(colour, place, (x, y, x + _SIDE, y + _SIDE)) for place, (x, y) in PLACES.items() for colour in COLOURS]
    frames = [Mark(colour, "frame", width=width) for width in _FRAMES for colour in COLOURS]
    return (*patches, *frames)


MARKS = _marks()


def measure_mark(mark: Mark, selected: SelectedPhotos, answers: Answers, probabilities: Floats) -> dict[str, Any]:
    """`probabilities` [N, classes] of the unchanged photos."""
    pictures = np.stack(list(map_in_threads(mark.put, selected.photo_set.pictures)))
    after = answers(pictures)[PROBABILITIES].astype(np.float64)
    return {
        "colour": mark.colour,
        "place": mark.place,
        "box": None if mark.box is None else [round(end, 4) for end in mark.box],
        "width": None if mark.width is None else round(mark.width, 4),
    } | compare_answers(selected, probabilities.astype(np.float64), after)


def measure_occlusion(selected: SelectedPhotos, answers: Answers, probabilities: Floats, grid: int = 3) -> list[dict[str, Any]]:
    """What the answers lose with each cell of a grid filled with the photo's mean colour."""
    entries = []
    for row in range(grid):
        for column in range(grid):
            box = (column / grid, row / grid, (column + 1) / grid, (row + 1) / grid)
            pictures = np.stack(list(map_in_threads(partial(perturbations.occluded, box=box), selected.photo_set.pictures)))
            after = answers(pictures)[PROBABILITIES].astype(np.float64)
            compared = compare_answers(selected, probabilities.astype(np.float64), after)
            entries.append({"row": row, "column": column, "box": [round(end, 4) for end in box]} | compared)
    return entries
