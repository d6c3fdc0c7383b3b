"""Draws stems and leaves below the flower heads."""

from __future__ import annotations

from random import Random

import numpy as np

from flowers_tfx.samples.pen import POINTED, Colour, Pen, curve, petal, shade
from flowers_tfx.samples.surroundings import GREENS

_STEM_WIDTH = {
    "daisy": 0.07,
    "dandelion": 0.09,
    "roses": 0.1,
    "sunflowers": 0.13,
    "tulips": 0.13,
}  # in radii of the head
_STEM_LEAVES = {"daisy": 0, "dandelion": 0, "roses": 5, "sunflowers": 3, "tulips": 2}
_ROSETTE_LEAF = {"daisy": (0.9, 0.2), "dandelion": (1.5, 0.24)}  # length and half-width
_TOOTHED = POINTED.real + 1j * POINTED.imag * np.where(np.arange(len(POINTED)) % 2, 0.4, 1.0)


def draw_stem(pen: Pen, rng: Random, label: str, ground_px: float) -> None:
    """From the head, whose pen this is, down to `ground_px`, with the species' leaves."""
    upright = Pen(pen.draw, pen.centre, pen.radius)
    green = shade(rng.choice(GREENS), rng.uniform(0.9, 1.25))
    thick = _STEM_WIDTH[label]
    start, end = (0.7 if label == "tulips" else 0.05), (ground_px - pen.centre.imag) / pen.radius
    drift = rng.gauss(0, 0.18) * min(end, 4)
    path = curve(1j * start, complex(drift * 0.2, end * 0.5), complex(drift, end))
    upright.lines(path, [shade(green, 0.7)], thick)
    upright.lines(path - thick * 0.18, [green], thick * 0.5)
    for i in range(_STEM_LEAVES[label]):
        side = -1 if i % 2 else 1
        tone = shade(green, rng.uniform(0.8, 1.05))
        if label == "tulips":
            foot = upright.moved(complex(drift + 0.1 * side, max(2.2, end)))
            _leaf(foot, -1.57 + side * rng.uniform(0.15, 0.5), rng.uniform(1.4, 2.2), 0.28, tone)
        else:
            long, wide = (1.0, 0.42) if label == "sunflowers" else (0.75, 0.3)
            angle = (0.35 if side > 0 else 2.8) + rng.gauss(0, 0.3)
            _leaf(upright.moved(complex(path[3 + 2 * i])), angle, long * rng.uniform(0.8, 1.2), wide, tone)


def draw_rosette(pen: Pen, rng: Random, label: str) -> None:
    """Leaves under a head that is seen from above."""
    long, wide = _ROSETTE_LEAF.get(label, (0.9, 0.34))
    for _ in range(rng.randint(3, 8)):
        tone = shade(rng.choice(GREENS), rng.uniform(0.7, 1.1))
        _leaf(pen, rng.uniform(0, 6.28), long * rng.uniform(0.9, 1.3), wide, tone, start=0.4, toothed=label == "dandelion")


def _leaf(pen: Pen, angle: float, length: float, half: float, colour: Colour, start: float = 0.0, toothed: bool = False) -> None:
    outline = _TOOTHED if toothed else POINTED
    sizes = np.array((1.0, 0.97))[:, None]
    blade = petal(outline, angle, start, length * sizes, half * np.array((1.0, 0.86))[:, None], 0.1)
    pen.polygons(blade, [shade(colour, 0.72), colour])
    pen.lines(petal(np.array([0.02 + 0j, 0.5, 0.96]), angle, start, length, half, 0.1), [shade(colour, 1.25)], 0.02)
