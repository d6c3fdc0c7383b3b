"""Shapes and colours: draws in units of a flower's radius, as seen from an angle, on a Pillow canvas.

Points are complex numbers, x + iy with y downwards: turning is a multiplication, and hundreds of petals are one array.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import pi

import numpy as np
import numpy.typing as npt
from PIL import ImageDraw

Colour = tuple[int, int, int]
Points = npt.NDArray[np.complex128]
Floats = npt.NDArray[np.float64]

GOLDEN_ANGLE = 2.399963  # radians: the turn from one seed to the next

_T = (1 - np.cos(np.linspace(0.0, pi, 14))) / 2  # closer together at the ends, where outlines are round
_CIRCLE: Points = np.exp(1j * np.linspace(0, 2 * pi, 40))


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """`share` of `b` in `a`."""
    return (
        _byte(a[0] + (b[0] - a[0]) * share),
        _byte(a[1] + (b[1] - a[1]) * share),
        _byte(a[2] + (b[2] - a[2]) * share),
    )


def _byte(value: float) -> int:
    return 0 if value <= 0 else 255 if value >= 255 else int(value + 0.5)


def shade(colour: Colour, light: float) -> Colour:
    """Darker below 1, lighter (towards white) above."""
    return mix((0, 0, 0), colour, light) if light <= 1 else mix(colour, (255, 255, 255), light - 1)


def shades(tones: Sequence[Colour], lights: Sequence[float] | Floats) -> list[Colour]:
    """Every tone under the first light, then every tone under the second, and so on."""
    tone, light = np.array(tones, np.float64)[None], np.array(lights, np.float64)[:, None, None]
    lit = np.where(light <= 1, tone * light, tone + (255 - tone) * (light - 1))
    return [(r, g, b) for r, g, b in np.clip(lit + 0.5, 0, 255).astype(int).reshape(-1, 3).tolist()]


def _outline(half_width: Floats) -> Points:
    """A petal from 0 to 1, given its half-width along the way."""
    upper = _T + 1j * half_width
    return np.concatenate([upper, upper[::-1].conj()])


STRAP = _outline(_T**0.35 * np.sqrt(1 - _T**6) * (0.62 + 0.38 * _T))
POINTED = _outline(np.sin(pi * _T**0.8) ** 0.8)
OVAL = _outline(np.sin(pi * _T**0.9) ** 0.6)


def petal(
    outline: Points,
    angle: Floats | float,
    start: float,
    length: Floats | float,
    width: Floats | float,
    bend: Floats | float = 0.0,
) -> Points:
    """An outline set on a head: from `start` to `start + length`, in the direction `angle`; arrays give many petals."""
    x, y = outline.real, outline.imag
    placed: Points = (start + length * x + 1j * (width * y + bend * x**2)) * np.exp(1j * np.asarray(angle))
    return placed


def curve(*control: complex | Points, steps: int = 14) -> Points:
    """A Bezier curve from the first to the last of its control points; arrays of points give many curves."""
    t = np.linspace(0.0, 1.0, steps)
    points: list[Points] = [np.asarray(point, np.complex128)[..., None] for point in control]
    while len(points) > 1:
        points = [a + (b - a) * t for a, b in pairwise(points)]
    return points[0]


def spiral(count: int, radius: float) -> Points:
    """Seeds on a disc, as plants set them."""
    k = np.arange(count)
    seeds: Points = radius * np.sqrt((k + 0.5) / count) * np.exp(1j * GOLDEN_ANGLE * k)
    return seeds


@dataclass(frozen=True)
class Pen:
    """Centre and radius are pixels of the canvas; `squash` foreshortens the head, then `turn` (radians) rotates it."""

    draw: ImageDraw.ImageDraw
    centre: complex
    radius: float
    turn: float = 0.0
    squash: float = 1.0

    def moved(self, by: complex) -> Pen:
        """The same pen, its centre moved in the head's own plane."""
        return replace(self, centre=complex(self._on_canvas(np.array([by]))[0]))

    def polygon(self, points: Points, colour: Colour) -> None:
        self.draw.polygon(_flat(self._on_canvas(points))[0], fill=colour)

    def polygons(self, points: Points, colours: Sequence[Colour]) -> None:
        """`points` is [..., N]: one polygon per row, painted in order."""
        for row, colour in zip(_flat(self._on_canvas(points)), colours, strict=True):
            self.draw.polygon(row, fill=colour)

    def lines(self, points: Points, colours: Sequence[Colour], width: float) -> None:
        """`width` in units of the radius; never thinner than a pixel."""
        for row, colour in zip(_flat(self._on_canvas(points)), colours, strict=True):
            self.draw.line(row, fill=colour, width=max(1, round(width * self.radius)), joint="curve")

    def dots(self, points: Points, size: float, colours: Sequence[Colour]) -> None:
        wide = max(0.6, size * self.radius)
        reach = complex(wide, wide * self.squash)
        at = self._on_canvas(points)[:, None]
        for box, colour in zip(_flat(np.concatenate([at - reach, at + reach], axis=1)), colours, strict=True):
            self.draw.ellipse(box, fill=colour)

    def disc(self, radius: float, colour: Colour) -> None:
        self.polygon(radius * _CIRCLE, colour)

    def _on_canvas(self, points: Points) -> Points:
        squashed = points.real + 1j * self.squash * points.imag
        placed: Points = squashed * (self.radius * np.exp(1j * self.turn)) + self.centre
        return placed


def _flat(points: Points) -> list[list[float]]:
    """Rows of x, y, x, y; rounded, so that the last bit of a processor's sine can't move a pixel."""
    rows = np.ascontiguousarray(points).reshape(-1, points.shape[-1])
    flat: list[list[float]] = rows.view(np.float64).round(2).tolist()
    return flat
