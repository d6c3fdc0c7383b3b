"""Daisy, dandelion and sunflower: rays around a disc. Each `draw_*` paints one head around the pen's centre."""

from __future__ import annotations

from dataclasses import replace
from math import pi
from random import Random

import numpy as np

from flowers_tfx.samples.pen import GOLDEN_ANGLE, POINTED, STRAP, Colour, Pen, mix, shade, shades, spiral
from flowers_tfx.samples.petals import SMALL_PX, gauss, lights, ring, uniform


def _seeds(pen: Pen, rng: Random, radius: float, rim: Colour, dark: Colour, light: Colour, count: int) -> None:
    """A domed centre: a shaded disc with seeds."""
    pen.disc(radius, shade(dark, 0.7))
    dome = pen.moved(-radius * (0.05 + 0.08j))
    for size, share in ((0.95, 0.0), (0.8, 0.35), (0.55, 0.6)):
        dome.disc(radius * size, mix(mix(rim, dark, 0.3), rim, share))
    if pen.radius > SMALL_PX / 4:
        pen.dots(spiral(count, radius * 0.94), radius * 0.75 / count**0.5, rng.choices([dark, light, rim], k=count))


def draw_daisy(pen: Pen, rng: Random) -> None:
    tip: Colour = rng.choice([(252, 252, 248), (250, 250, 255), (255, 250, 240), (252, 232, 242)])
    base = mix(tip, rng.choice([(205, 208, 222), (224, 220, 200)]), 0.7)
    count, centre = rng.randint(15, 24), rng.uniform(0.25, 0.33)
    start, phase = centre * 0.7, rng.random()
    ring(
        pen,
        rng,
        count,
        STRAP,
        start=start,
        length=1 - start,
        width=2.5 / count,
        tip=shade(tip, 0.85),
        base=shade(base, 0.85),
        phase=phase,
    )
    ring(
        pen,
        rng,
        count,
        STRAP,
        start=start,
        length=0.97 - start,
        width=2.5 / count,
        tip=tip,
        base=base,
        phase=phase + pi / count,
    )
    yellow: Colour = rng.choice([(248, 200, 30), (240, 180, 20), (250, 212, 60)])
    _seeds(pen, rng, centre, yellow, (214, 140, 14), (255, 232, 110), 90 if pen.radius > SMALL_PX else 30)


def draw_dandelion(pen: Pen, rng: Random) -> None:
    if rng.random() < 0.15:
        _seed_head(replace(pen, squash=1.0), rng)  # a ball is round from everywhere
        return
    outer: Colour = rng.choice([(250, 212, 20), (244, 200, 10), (252, 220, 50)])
    inner = mix(outer, (236, 150, 6), rng.uniform(0.4, 0.8))
    pen.disc(0.72, shade(inner, 0.72))
    for row, reach in enumerate((1.0, 0.93, 0.82, 0.68, 0.52, 0.36, 0.22)):
        count = max(9, round((52 if pen.radius > SMALL_PX else 28) * reach))
        angle = 2 * pi * (np.arange(count) + 0.5 * (row % 2)) / count + gauss(rng, count, 0.05)
        tip, half = (
            uniform(rng, count, 0.86 * reach, 1.04 * reach)[:, None],
            uniform(rng, count, 0.032, 0.05)[:, None],
        )
        x = np.concatenate([np.full((count, 1), 0.1 * reach), tip * (0.9, 1.0, 0.96, 1.0, 0.9)], axis=1)
        rays = (x + 1j * half * (0.0, 1.0, 0.5, 0.0, -0.6, -1.0)) * np.exp(1j * angle)[:, None]
        pen.polygons(rays, shades([mix(outer, inner, row / 6)], lights(rng, angle, 0.09)))


def _seed_head(pen: Pen, rng: Random) -> None:
    """The white ball of parachutes: stalks on a sphere, each with a star at its end."""
    silk: Colour = rng.choice([(240, 240, 236), (226, 228, 224), (244, 238, 226)])
    count = 150 if pen.radius > SMALL_PX else 70
    height = (2 * np.arange(count) + 1) / count - 1
    angle = GOLDEN_ANGLE * np.arange(count) + gauss(rng, count, 0.08)
    end = (np.sqrt(1 - height**2) * uniform(rng, count, 0.84, 0.98) * np.exp(1j * angle))[:, None]
    nearness = 0.66 + 0.36 * np.arange(count) / count
    pen.lines(end * (0.16, 0.84), shades([silk], nearness * 0.82), 0.008)
    star = 0.17 * np.exp(1j * (angle[:, None] + 0.42 * np.arange(-3, 4)))
    rays = np.stack([np.broadcast_to(end * 0.84, star.shape), end * 0.84 + star], axis=-1)
    pen.lines(rays, shades([silk] * 7, nearness), 0.012)
    pen.disc(0.17, (112, 92, 60))
    pen.dots(spiral(24, 0.15), 0.02, [(70, 54, 34), (150, 130, 92)] * 12)


def draw_sunflower(pen: Pen, rng: Random) -> None:
    tip: Colour = rng.choice([(250, 196, 12), (252, 208, 40), (244, 176, 10), (250, 190, 20)])
    base = mix(tip, rng.choice([(214, 110, 8), (196, 80, 10)]), rng.uniform(0.5, 0.9))
    count, centre = rng.randint(17, 26), rng.uniform(0.42, 0.54)
    start, wide = centre * 0.85, 2.9 / count
    for length, back in ((1.05 - start, 0.78), (0.96 - start, 1.0)):
        tone, root = shade(tip, back), shade(base, back)
        ring(
            pen,
            rng,
            count,
            POINTED,
            start=start,
            length=length,
            width=wide,
            tip=tone,
            base=root,
            phase=rng.random(),
            uneven=0.12,
        )
    brown: Colour = rng.choice([(92, 56, 22), (70, 42, 20), (112, 70, 26)])
    light = mix(brown, (196, 140, 60), 0.6)
    _seeds(pen, rng, centre, brown, shade(brown, 0.45), light, 220 if pen.radius > SMALL_PX else 80)
    heart: Colour = rng.choice([(128, 120, 40), (60, 36, 18), (150, 100, 30)])
    if pen.radius > SMALL_PX / 4:
        pen.dots(spiral(60, centre * 0.45), centre * 0.045, rng.choices([heart, shade(heart, 0.6), shade(heart, 1.15)], k=60))
