"""Shared by the species: rings of petals, the light on them, and arrays of random numbers."""

from __future__ import annotations

from math import pi
from random import Random

import numpy as np

from flowers_tfx.samples.pen import Colour, Floats, Pen, Points, mix, petal, shade, shades

_LIGHT_FROM = -2.2  # direction of the light on a head, radians: upper left
SMALL_PX = 64  # a head of a smaller radius gets fewer details

_STEPS = ((0.965, 0.0), (0.8, 0.2), (0.64, 0.45), (0.48, 0.7), (0.33, 1.0))  # how a petal shades: length, share of base


def gauss(rng: Random, count: int, sigma: float) -> Floats:
    return np.array([rng.gauss(0, sigma) for _ in range(count)])


def uniform(rng: Random, count: int, low: float, high: float) -> Floats:
    return np.array([rng.uniform(low, high) for _ in range(count)])


def lights(rng: Random, angle: Floats, spread: float) -> Floats:
    """How bright petals are that look in these directions."""
    lights: Floats = 0.97 + 0.1 * np.cos(angle - _LIGHT_FROM) + gauss(rng, len(angle), spread)
    return lights


def ring(
    pen: Pen,
    rng: Random,
    count: int,
    outline: Points,
    *,
    start: float,
    length: float,
    width: float,
    tip: Colour,
    base: Colour,
    phase: float,
    uneven: float = 0.07,
) -> None:
    """Petals around the centre, each with a dark rim and shading from `tip` to `base` inwards."""
    order = np.array(rng.sample(range(count), count))
    angle = phase + 2 * pi * order / count + gauss(rng, count, uneven * 3 / count)
    steps = ((0.965, 0.0), (0.64, 0.5)) if pen.radius < SMALL_PX else _STEPS
    sizes = np.array([1.0, *(size for size, _ in steps)])[:, None]
    tones = [shade(mix(tip, base, 0.35), 0.72), *(mix(tip, base, share) for _, share in steps)]
    long = uniform(rng, count, length * (1 - 1.6 * uneven), length * (1 + uneven))[:, None, None] * sizes
    narrowing = np.where(sizes == 1, 1, 0.86 * (0.45 + 0.55 * sizes))
    bend = gauss(rng, count, uneven * 0.5)[:, None, None] * sizes
    shapes = petal(outline, angle[:, None, None], start, long, width * narrowing, bend)
    pen.polygons(shapes, shades(tones, lights(rng, angle, 0.025)))
