"""What can be measured of a concept, and the few words for it: colours, detail, place. They say no more than that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flowers_tfx.explain.colour_names import NAMES, colour_shares
from flowers_tfx.explain.crops import Box, pixels_of
from flowers_tfx.explain.model_function import Pictures

Doubles = npt.NDArray[np.float64]

# A colour is named if it covers so much of the crops, and if so many of the crops have a tenth of it.
_COVERS, _IN_CROPS, _TENTH = 0.15, 0.6, 0.1
# How many of the crops have to lie in one place for a word about it. Of all crops, 24 % lie along one side and 6 % in one corner.
_MOST = 0.6
# Share of the crops within the outline of the flower.
_ON, _OFF = 0.65, 0.25
# Of its class's photos at least, and of the others at most, that have a suspicious concept.
_OFTEN, _SELDOM = 0.5, 0.1
MIDDLE = "in the middle"
# Percentiles of the detail of all crops of the class.
_FINE, _SMOOTH = 75, 25
_TOUCHES = 0.02  # nearer to an edge than this share of the picture


@dataclass(frozen=True)
class Part:
    """A crop of a photo: the picture, uint8 [s, s, 3], where in it, and the outline of the flower, bool [s, s], if one stands out."""

    picture: Pictures
    box: Box
    mask: npt.NDArray[np.bool_] | None

    @property
    def pixels(self) -> Pictures:
        x0, y0, x1, y1 = pixels_of(self.box, len(self.picture))
        return self.picture[y0:y1, x0:x1]

    @property
    def inside(self) -> float | None:
        """The share of the crop within the outline."""
        if self.mask is None:
            return None
        x0, y0, x1, y1 = pixels_of(self.box, len(self.mask))
        return float(self.mask[y0:y1, x0:x1].mean())


@dataclass(frozen=True)
class Surroundings:
    """What the photos have anyway: the share of each colour, and the percentiles of the detail of the class's crops."""

    colours: Doubles
    smooth: float
    fine: float


def measure_surroundings(pictures: Pictures, crops: Sequence[Part]) -> Surroundings:
    """`pictures`: of all classes; `crops`: of the class. Every fourth pixel is enough for shares."""
    detail = [detail_of(part.pixels) for part in crops]
    smooth, fine = np.percentile(detail, [_SMOOTH, _FINE])
    return Surroundings(colour_shares(pictures[:, ::4, ::4]), float(smooth), float(fine))


def detail_of(pixels: Pictures) -> float:
    """The mean difference of neighbouring pixels, 0 to 255."""
    luma = pixels.astype(np.float32).mean(axis=2)
    steps = [np.abs(np.diff(luma, axis=axis)) for axis in (0, 1) if luma.shape[axis] > 1]
    return float(np.mean([step.mean() for step in steps])) if steps else 0.0


def colours_of(parts: Sequence[Part], surroundings: Surroundings) -> list[dict[str, str | float]]:
    """The colours that the crops have more of than photos have anyway, at most two, the more surprising one first."""
    shares = np.stack([colour_shares(part.pixels) for part in parts])
    mean = shares.mean(axis=0)
    ahead = mean - surroundings.colours
    named = (mean >= _COVERS) & (ahead > 0) & ((shares >= _TENTH).mean(axis=0) >= _IN_CROPS)
    chosen = [index for index in np.argsort(-ahead, kind="stable")[:2].tolist() if named[index]]
    return [
        {"name": NAMES[index], "share": round(float(mean[index]), 3), "in_photos": round(float(surroundings.colours[index]), 3)}
        for index in chosen
    ]


def detail_word(parts: Sequence[Part], surroundings: Surroundings) -> str | None:
    detail = float(np.median([detail_of(part.pixels) for part in parts]))
    if detail >= surroundings.fine:
        return "fine detail"
    return "smooth or blurred" if detail <= surroundings.smooth else None


def inside_of(parts: Sequence[Part]) -> float | None:
    """The mean share of the crops within the outline of the flower; None where no photo has one."""
    shares = [share for part in parts if (share := part.inside) is not None]
    return float(np.mean(shares)) if shares else None


def inside_word(inside: float | None, place: str | None) -> str | None:
    """What stands out at the edge of a picture can be anything, such as a mark: it is not called a flower."""
    if inside is None or _OFF < inside < _ON or (inside >= _ON and place not in (None, MIDDLE)):
        return None
    return "on the flower" if inside >= _ON else "background"


def suspicion(place: str | None, inside: float | None, in_own: float, in_others: float | None) -> str | None:
    """Why a concept is more likely a shortcut than the flower, a sentence: it lies at one place of the edge, or in the background, of most
    photos of the class, and other classes hardly have it. None where nothing speaks for that."""
    if in_others is None or in_own < _OFTEN or in_others > _SELDOM:
        return None
    counts = f"in {_percent(in_own)} of the class's photos and in {_percent(in_others)} of the others"
    if place not in (None, MIDDLE):
        return f"Mostly {place}, {counts}: rather a mark, a frame or a background than the flower."
    return f"Behind the flower, {counts}." if inside is not None and inside <= _OFF else None


def place_word(boxes: Sequence[Box]) -> str | None:
    """Where most of the crops lie, if they lie in one place."""
    edges = np.array([_touched_edges(box) for box in boxes])
    left, top, right, bottom = edges.T
    corners = {
        "in the top left corner": top & left,
        "in the top right corner": top & right,
        "in the bottom left corner": bottom & left,
        "in the bottom right corner": bottom & right,
    }
    sides = {"at the top": top, "at the bottom": bottom, "at the left edge": left, "at the right edge": right}
    middle = np.array([_in_middle(box) for box in boxes])
    in_corners = np.any(list(corners.values()), axis=0)
    for places in (corners, {"in the corners": in_corners}, sides, {MIDDLE: middle}):
        word, there = max(places.items(), key=lambda item: item[1].mean())
        if there.mean() >= _MOST:
            return word
    return None


def _touched_edges(box: Box) -> tuple[bool, bool, bool, bool]:
    """Left, top, right, bottom."""
    return box[0] < _TOUCHES, box[1] < _TOUCHES, box[2] > 1 - _TOUCHES, box[3] > 1 - _TOUCHES


def _in_middle(box: Box) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return abs(x - 0.5) < 0.2 and abs(y - 0.5) < 0.2


def words_for(colours: Sequence[dict[str, str | float]], *more: str | None) -> str:
    """Such as "yellow and brown, fine detail, on the flower, in the middle"."""
    first = " and ".join(str(colour["name"]) for colour in colours) or "mixed colours"
    return ", ".join([first, *(word for word in more if word)])


def _percent(share: float) -> str:
    return f"{round(100 * share)} %"
