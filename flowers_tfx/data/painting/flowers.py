"""The five species. Each `draw_*` paints one head around the pen's centre; `rng` decides on colour and shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import pi
from random import Random

import numpy as np

from flowers_tfx.data.painting.pen import (
    GOLDEN_ANGLE,
    OVAL,
    POINTED,
    STRAP,
    Colour,
    Floats,
    Pen,
    Points,
    curve,
    mix,
    petal,
    shade,
    shades,
    spiral,
)

_LIGHT_FROM = -2.2  # direction of the light on a head, radians: upper left
_SMALL_PX = 64  # a head of a smaller radius gets fewer details

_STEPS = ((0.965, 0.0), (0.8, 0.2), (0.64, 0.45), (0.48, 0.7), (0.33, 1.0))  # how a petal shades: length, share of base


def _gauss(rng: Random, count: int, sigma: float) -> Floats:
    return np.array([rng.gauss(0, sigma) for _ in range(count)])


def _uniform(rng: Random, count: int, low: float, high: float) -> Floats:
    return np.array([rng.uniform(low, high) for _ in range(count)])


def _lights(rng: Random, angle: Floats, spread: float) -> Floats:
    """How bright petals are that look in these directions."""
    lights: Floats = 0.97 + 0.1 * np.cos(angle - _LIGHT_FROM) + _gauss(rng, len(angle), spread)
    return lights


def _ring(
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
    angle = phase + 2 * pi * order / count + _gauss(rng, count, uneven * 3 / count)
    steps = ((0.965, 0.0), (0.64, 0.5)) if pen.radius < _SMALL_PX else _STEPS
    sizes = np.array([1.0, *(size for size, _ in steps)])[:, None]
    tones = [shade(mix(tip, base, 0.35), 0.72), *(mix(tip, base, share) for _, share in steps)]
    long = _uniform(rng, count, length * (1 - 1.6 * uneven), length * (1 + uneven))[:, None, None] * sizes
    narrowing = np.where(sizes == 1, 1, 0.86 * (0.45 + 0.55 * sizes))
    bend = _gauss(rng, count, uneven * 0.5)[:, None, None] * sizes
    shapes = petal(outline, angle[:, None, None], start, long, width * narrowing, bend)
    pen.polygons(shapes, shades(tones, _lights(rng, angle, 0.025)))


def _seeds(pen: Pen, rng: Random, radius: float, rim: Colour, dark: Colour, light: Colour, count: int) -> None:
    """A domed centre: a shaded disc with seeds."""
    pen.disc(radius, shade(dark, 0.7))
    dome = pen.moved(-radius * (0.05 + 0.08j))
    for size, share in ((0.95, 0.0), (0.8, 0.35), (0.55, 0.6)):
        dome.disc(radius * size, mix(mix(rim, dark, 0.3), rim, share))
    if pen.radius > _SMALL_PX / 4:
        pen.dots(spiral(count, radius * 0.94), radius * 0.75 / count**0.5, rng.choices([dark, light, rim], k=count))


def draw_daisy(pen: Pen, rng: Random) -> None:
    tip: Colour = rng.choice([(252, 252, 248), (250, 250, 255), (255, 250, 240), (252, 232, 242)])
    base = mix(tip, rng.choice([(205, 208, 222), (224, 220, 200)]), 0.7)
    count, centre = rng.randint(15, 24), rng.uniform(0.25, 0.33)
    start, phase = centre * 0.7, rng.random()
    _ring(
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
    _ring(
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
    _seeds(pen, rng, centre, yellow, (214, 140, 14), (255, 232, 110), 90 if pen.radius > _SMALL_PX else 30)


def draw_dandelion(pen: Pen, rng: Random) -> None:
    if rng.random() < 0.15:
        _seed_head(replace(pen, squash=1.0), rng)  # a ball is round from everywhere
        return
    outer: Colour = rng.choice([(250, 212, 20), (244, 200, 10), (252, 220, 50)])
    inner = mix(outer, (236, 150, 6), rng.uniform(0.4, 0.8))
    pen.disc(0.72, shade(inner, 0.72))
    for row, reach in enumerate((1.0, 0.93, 0.82, 0.68, 0.52, 0.36, 0.22)):
        count = max(9, round((52 if pen.radius > _SMALL_PX else 28) * reach))
        angle = 2 * pi * (np.arange(count) + 0.5 * (row % 2)) / count + _gauss(rng, count, 0.05)
        tip, half = (
            _uniform(rng, count, 0.86 * reach, 1.04 * reach)[:, None],
            _uniform(rng, count, 0.032, 0.05)[:, None],
        )
        x = np.concatenate([np.full((count, 1), 0.1 * reach), tip * (0.9, 1.0, 0.96, 1.0, 0.9)], axis=1)
        rays = (x + 1j * half * (0.0, 1.0, 0.5, 0.0, -0.6, -1.0)) * np.exp(1j * angle)[:, None]
        pen.polygons(rays, shades([mix(outer, inner, row / 6)], _lights(rng, angle, 0.09)))


def _seed_head(pen: Pen, rng: Random) -> None:
    """The white ball of parachutes: stalks on a sphere, each with a star at its end."""
    silk: Colour = rng.choice([(240, 240, 236), (226, 228, 224), (244, 238, 226)])
    count = 150 if pen.radius > _SMALL_PX else 70
    height = (2 * np.arange(count) + 1) / count - 1
    angle = GOLDEN_ANGLE * np.arange(count) + _gauss(rng, count, 0.08)
    end = (np.sqrt(1 - height**2) * _uniform(rng, count, 0.84, 0.98) * np.exp(1j * angle))[:, None]
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
        _ring(
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
    _seeds(pen, rng, centre, brown, shade(brown, 0.45), light, 220 if pen.radius > _SMALL_PX else 80)
    heart: Colour = rng.choice([(128, 120, 40), (60, 36, 18), (150, 100, 30)])
    if pen.radius > _SMALL_PX / 4:
        pen.dots(
            spiral(60, centre * 0.45), centre * 0.045, rng.choices([heart, shade(heart, 0.6), shade(heart, 1.15)], k=60)
        )


# Roses and tulips share red and pink, so that colour alone does not tell them apart.
_ROSE_COLOURS: dict[Colour, float] = {
    (206, 24, 44): 0.25, (184, 12, 40): 0.2, (226, 44, 60): 0.2, (236, 110, 150): 0.1, (246, 160, 184): 0.08, (214, 60, 112): 0.07,
    (250, 238, 224): 0.03, (250, 208, 92): 0.03, (248, 170, 124): 0.04,
}  # fmt: skip
_TULIP_COLOURS: dict[Colour, float] = {
    (214, 26, 40): 0.08, (240, 120, 160): 0.06, (228, 70, 120): 0.04, (126, 44, 130): 0.27, (168, 90, 176): 0.27, (100, 30, 76): 0.06,
    (244, 126, 30): 0.12, (250, 206, 40): 0.06, (248, 244, 238): 0.04,
}  # fmt: skip


def _pick(rng: Random, colours: dict[Colour, float]) -> Colour:
    return rng.choices(list(colours), weights=list(colours.values()))[0]


def draw_rose(pen: Pen, rng: Random) -> None:
    """Layers of broad petals around a coil, the inner ones darker; tilted, it is a cup: layers shift to the back."""
    colour = _pick(rng, _ROSE_COLOURS)
    deep = shade(mix(colour, (150, 10, 40), 0.25), 0.5)
    depth, phase = 1 - pen.squash, rng.uniform(0, 2 * pi)
    for row, (reach, count) in enumerate(((1.0, 6), (0.86, 5), (0.71, 5), (0.56, 4), (0.42, 4), (0.3, 3))):
        body = mix(colour, deep, 0.1 * row)
        tones = [mix(body, deep, 0.75), shade(body, 1.18), body, mix(body, deep, 0.45), mix(body, deep, 0.8)]
        angle = (
            phase + row * 2.1 + 2 * pi * np.array(rng.sample(range(count), count)) / count + _gauss(rng, count, 0.08)
        )
        sizes = np.array((1.0, 0.975, 0.91, 0.8, 0.68))
        long = _uniform(rng, count, 0.94 * reach, 1.03 * reach)[:, None] * sizes
        petals = _fans(angle[:, None, None], 1.28 * pi / count * (0.9 + 0.1 * sizes)[:, None], long[:, :, None])
        pen.moved(-0.75j * depth * (1 - reach)).polygons(petals, shades(tones, _lights(rng, angle, 0.03)))
    coil = pen.moved(-0.6j * depth)
    coil.disc(0.17, deep)
    turn = np.linspace(0, 3.6 * pi, 40)
    wound = np.exp(1j * (turn + phase)) * (0.19 - 0.013 * turn)
    coil.lines(wound, [shade(colour, 0.92)], 0.045)
    coil.lines(wound * 1.06, [shade(colour, 1.2)], 0.014)


def _fans(angle: Floats, span: Floats, reach: Floats) -> Points:
    """Broad petals: an arc of `span` radians to each side, rounded at its ends; the base is the head's centre."""
    u = np.linspace(-1, 1, 15)
    arc = reach * (1 - 0.34 * np.abs(u) ** 3.2 - 0.03 * np.cos(u * 4)) * np.exp(1j * (angle + u * span))
    return np.concatenate([arc, np.zeros((*arc.shape[:-1], 1))], axis=-1)


def draw_tulip(pen: Pen, rng: Random) -> None:
    """A cup from the side, five pointed petals; a squashed pen draws it wide open, as seen from above."""
    colour, rim = _pick(rng, _TULIP_COLOURS), rng.choice([(255, 240, 200), (255, 214, 60), (250, 190, 200)])
    rim = mix(colour, rim, 0.75) if rng.random() < 0.25 else shade(colour, 1.16)
    if pen.squash < 1:
        _open_tulip(pen, rng, colour)
        return
    wide = rng.uniform(0.43, 0.6)
    tips, half, behind = rng.uniform(0.62, 0.95) * wide, wide * 0.62, shade(colour, 0.62)
    for side in (-1, 1):
        _cup_petal(
            pen, 0.85j, complex(side * tips * 0.5, -0.98 + rng.uniform(-0.05, 0.05)), half, behind, shade(behind, 1.1)
        )
    for side in (-1, 1):
        tip = complex(side * tips, -0.86 + rng.uniform(-0.08, 0.06))
        _cup_petal(pen, 0.88j, tip, half, shade(colour, 0.92 - 0.1 * side), rim, side * wide)
    _cup_petal(pen, 0.9j, complex(rng.uniform(-0.08, 0.08), -0.74 + rng.uniform(-0.08, 0.06)), wide * 0.66, colour, rim)


def _cup_petal(
    pen: Pen, base: complex, tip: complex, half: float, colour: Colour, rim: Colour, bulge: float = 0.0
) -> None:
    size = np.array((1.0, 0.97, 0.9, 0.78, 0.6, 0.4))
    top = tip.real + 1j * (base.imag + (tip.imag - base.imag) * size)
    middle = bulge + 1j * (base.imag * 0.3 + top.imag * 0.7)
    right, left = (
        curve(base, base + bulge * 0.8 + reach, middle + reach, top + 0.25j + 0.23 * reach, top)
        for reach in (1.5 * half * size, -1.5 * half * size)
    )
    tones = [shade(colour, 0.6), rim, mix(rim, colour, 0.6), colour, shade(colour, 0.93), shade(colour, 0.82)]
    pen.polygons(np.concatenate([right, left[:, ::-1]], axis=1), tones)
    if pen.radius > _SMALL_PX:
        lean = np.array((-0.5, 0.0, 0.5)) * half
        pen.lines(
            curve(base * 0.9, bulge + lean + 0.1j, complex(tip.real, tip.imag * 0.86)),
            [shade(colour, 0.86), shade(colour, 1.08), shade(colour, 0.86)],
            0.012,
        )


def _open_tulip(pen: Pen, rng: Random, colour: Colour) -> None:
    phase = rng.random() * 2
    heart: Colour = rng.choice([(40, 30, 40), (230, 200, 60), (60, 50, 20)])
    for length, back, turn in ((1.0, 0.8, 0.0), (0.9, 1.0, pi / 3)):
        tone = shade(colour, back)
        _ring(
            pen,
            rng,
            3,
            OVAL,
            start=0.02,
            length=length,
            width=0.42,
            tip=tone,
            base=mix(tone, heart, 0.8),
            phase=phase + turn,
        )
    pen.disc(0.13, heart)
    pen.disc(0.06, (196, 206, 120))
    stamens = np.exp(1j * (phase + pi / 3 * np.arange(6)))[:, None] * (0.0, 0.2)
    pen.lines(stamens, [(50, 36, 40)] * 6, 0.035)


DRAW: dict[str, Callable[[Pen, Random], None]] = {
    "daisy": draw_daisy,
    "dandelion": draw_dandelion,
    "roses": draw_rose,
    "sunflowers": draw_sunflower,
    "tulips": draw_tulip,
}
