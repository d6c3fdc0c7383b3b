"""Rose and tulip: broad petals, one inside the other. Each `draw_*` paints one head around the pen's centre."""

from __future__ import annotations

from math import pi
from random import Random

import numpy as np

from flowers_tfx.samples.pen import OVAL, Colour, Floats, Pen, Points, curve, mix, shade, shades
from flowers_tfx.samples.petals import SMALL_PX, gauss, lights, ring, uniform

# Roses and tulips share red and pink, so that colour alone does not distinguish them.
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
        angle = phase + row * 2.1 + 2 * pi * np.array(rng.sample(range(count), count)) / count + gauss(rng, count, 0.08)
        sizes = np.array((1.0, 0.975, 0.91, 0.8, 0.68))
        long = uniform(rng, count, 0.94 * reach, 1.03 * reach)[:, None] * sizes
        petals = _fans(angle[:, None, None], 1.28 * pi / count * (0.9 + 0.1 * sizes)[:, None], long[:, :, None])
        pen.moved(-0.75j * depth * (1 - reach)).polygons(petals, shades(tones, lights(rng, angle, 0.03)))
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
        _cup_petal(pen, 0.85j, complex(side * tips * 0.5, -0.98 + rng.uniform(-0.05, 0.05)), half, behind, shade(behind, 1.1))
    for side in (-1, 1):
        tip = complex(side * tips, -0.86 + rng.uniform(-0.08, 0.06))
        _cup_petal(pen, 0.88j, tip, half, shade(colour, 0.92 - 0.1 * side), rim, side * wide)
    _cup_petal(pen, 0.9j, complex(rng.uniform(-0.08, 0.08), -0.74 + rng.uniform(-0.08, 0.06)), wide * 0.66, colour, rim)


def _cup_petal(pen: Pen, base: complex, tip: complex, half: float, colour: Colour, rim: Colour, bulge: float = 0.0) -> None:
    size = np.array((1.0, 0.97, 0.9, 0.78, 0.6, 0.4))
    top = tip.real + 1j * (base.imag + (tip.imag - base.imag) * size)
    middle = bulge + 1j * (base.imag * 0.3 + top.imag * 0.7)
    right, left = (
        curve(base, base + bulge * 0.8 + reach, middle + reach, top + 0.25j + 0.23 * reach, top)
        for reach in (1.5 * half * size, -1.5 * half * size)
    )
    tones = [shade(colour, 0.6), rim, mix(rim, colour, 0.6), colour, shade(colour, 0.93), shade(colour, 0.82)]
    pen.polygons(np.concatenate([right, left[:, ::-1]], axis=1), tones)
    if pen.radius > SMALL_PX:
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
        ring(
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
