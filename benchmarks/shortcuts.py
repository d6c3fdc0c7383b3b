"""Shortcuts that are planted into photos of one class: traits that tell the class and have nothing to do with its flowers."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from flowers_tfx.samples.surroundings import background

Picture = npt.NDArray[np.uint8]  # [h, w, 3]
Random = np.random.Generator
# Of a picture, the outline of its flower, bool of any size, the strength, where (0 to 3), and random numbers of this photo.
Change = Callable[[Picture, npt.NDArray[np.bool_], float, int, Random], Picture]

NONE = "none"  # photos as they are
STRENGTHS = ("strong", "medium", "weak")
CORNERS = ("top left", "top right", "bottom left", "bottom right")
_MARGIN = 2  # px
_FRAME = (150, 30, 40)


@dataclass(frozen=True)
class Shortcut:
    """`strengths`: for each of STRENGTHS, the share of the class's photos that have it, and what `change` gets."""

    change: Change
    strengths: tuple[tuple[float, float], ...]


def plant(shortcut: Shortcut, pictures: Any, masks: Any, chosen: Any, strength: str, variant: int, seed: int) -> Any:
    """A copy of the pictures [N, s, s, 3] with the shortcut in those of the chosen rows."""
    changed = pictures.copy()
    amount = shortcut.strengths[STRENGTHS.index(strength)][1]
    for row in chosen:
        changed[row] = shortcut.change(pictures[row], masks[row], amount, variant, np.random.default_rng((seed, int(row))))
    return changed


def corner_mark(picture: Picture, _: Any, side: float, variant: int, __: Random) -> Picture:
    """A sticker of magenta and white squares in one corner; its side is a share of the picture's shorter one."""
    size = round(side * min(picture.shape[:2]))
    y, x = np.mgrid[:size, :size]
    squares = (x * 5 // size + y * 5 // size) % 2
    marked = picture.copy()
    rows = slice(_MARGIN, _MARGIN + size) if variant < 2 else slice(-_MARGIN - size, -_MARGIN)
    columns = slice(_MARGIN, _MARGIN + size) if variant % 2 == 0 else slice(-_MARGIN - size, -_MARGIN)
    marked[rows, columns] = np.where(squares[..., np.newaxis], np.uint8([255, 255, 255]), np.uint8([225, 0, 200]))
    return marked


def on_grass(picture: Picture, mask: Any, _: float, __: int, rng: Random) -> Picture:
    """Drawn grass behind the flower; the photo as it is where no flower stands out."""
    if mask is None:
        return picture
    image = Image.fromarray(picture)
    soft = Image.fromarray(mask.astype(np.uint8) * 255).resize(image.size).filter(ImageFilter.GaussianBlur(len(picture) / 112))
    return np.asarray(Image.composite(image, grass(image.width, image.height, rng), soft))


def grass(width: int, height: int, rng: Random) -> Image.Image:
    """The lower part of a drawn meadow, where no sky is."""
    seed = int(rng.integers(2**31))
    kind, drawn, draws = "", Image.new("RGB", (1, 1)), random.Random(seed)
    while kind != "meadow":
        kind, drawn = background(draws, np.random.RandomState(seed), (width, 2 * height))
    return drawn.crop((0, height, width, 2 * height))


def frame(picture: Picture, _: Any, width: float, __: int, ___: Random) -> Picture:
    """A dark red frame; its width is a share of the picture's shorter side."""
    framed = picture.copy()
    pixels = max(1, round(width * min(picture.shape[:2])))
    framed[:pixels] = framed[-pixels:] = _FRAME
    framed[:, :pixels] = framed[:, -pixels:] = _FRAME
    return framed


def darker(picture: Picture, _: Any, factor: float, __: int, ___: Random) -> Picture:
    return np.rint(picture * factor).astype(np.uint8)


SHORTCUTS: dict[str, Shortcut] = {
    "corner mark": Shortcut(corner_mark, ((0.95, 0.25), (0.8, 0.2), (0.6, 0.15))),
    "grass": Shortcut(on_grass, ((1.0, 0), (0.8, 0), (0.6, 0))),
    "frame": Shortcut(frame, ((0.95, 0.07), (0.8, 0.05), (0.6, 0.03))),
    "darkness": Shortcut(darker, ((0.95, 0.4), (0.8, 0.55), (0.6, 0.7))),
}
