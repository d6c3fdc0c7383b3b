"""Draws the background of the flowers: meadow, sky, soil, wall or dark."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from flowers_tfx.samples.pen import Colour, Pen, mix, shade

Field = npt.NDArray[np.float32]  # [H/2, W/2], 0 to 1: half the size: backgrounds have no finer detail
Size = tuple[int, int]  # width and height, px

GREENS: tuple[Colour, ...] = ((58, 104, 40), (74, 122, 46), (48, 88, 44), (96, 134, 58), (66, 110, 70))


def _clouds(state: np.random.RandomState, size: Size, cells: int) -> Field:
    """Smooth noise in three octaves, the coarsest with `cells` cells across the shorter side."""
    half = (size[0] // 2, size[1] // 2)
    field = np.zeros((half[1], half[0]), np.float32)
    for octave, weight in ((1, 0.55), (3, 0.3), (8, 0.15)):
        step = max(1.0, min(half) / (cells * octave))
        coarse = state.random_sample((int(half[1] / step) + 2, int(half[0] / step) + 2)).astype(np.float32)
        field += weight * np.asarray(Image.fromarray(coarse).resize(half, Image.Resampling.BILINEAR))
    return np.clip(1.5 * field - 0.25, 0, 1)


def _downwards(size: Size) -> Field:
    """0 at the top, 1 at the bottom."""
    return np.broadcast_to(np.linspace(0, 1, size[1] // 2, dtype=np.float32)[:, None], (size[1] // 2, size[0] // 2))


def _lay(image: Image.Image, field: Field, colour: Colour) -> Image.Image:
    """The picture, with as much of the colour on it as the field says."""
    mask = Image.fromarray((field * 255).astype(np.uint8))
    image.paste(colour, mask=mask.resize(image.size, Image.Resampling.BILINEAR))
    return image


def _blend(size: Size, field: Field, a: Colour, b: Colour) -> Image.Image:
    """Colour `a` where the field is 0, `b` where it is 1."""
    return _lay(Image.new("RGB", size, a), field, b)


def _meadow(rng: Random, state: np.random.RandomState, size: Size) -> Image.Image:
    green = rng.choice(GREENS)
    field = 0.55 * _clouds(state, size, rng.randint(3, 6)) + 0.45 * _downwards(size)
    image = _blend(size, field, shade(green, 0.6), shade(mix(green, (200, 210, 80), rng.uniform(0.15, 0.55)), 1.15))
    width, height = size
    if rng.random() < 0.35:
        horizon = round(height * rng.uniform(0.15, 0.45))
        image.paste(_sky(rng, state, (width, horizon)), (0, 0))
        wood = Pen(ImageDraw.Draw(image), 1j * horizon, height * 0.08)
        for i in range(14):
            wood.moved(i * width / 13 / wood.radius).disc(rng.uniform(0.5, 1.1), shade(green, rng.uniform(0.45, 0.75)))
    count = rng.randint(120, 260)
    blades = np.array([_blade(rng, width, height) for _ in range(count)])
    tones = [shade(rng.choice(GREENS), rng.uniform(0.65, 1.3)) for _ in range(count)]
    Pen(ImageDraw.Draw(image), 0, 1).polygons(blades, tones)
    return image


def _blade(rng: Random, width: int, height: int) -> list[complex]:
    foot = complex(rng.uniform(0, width), height * rng.uniform(0.4, 1.05))
    length = height * rng.uniform(0.08, 0.25)
    lean, half = rng.gauss(0, 0.3) * length, max(1.0, length * 0.03)
    return [
        foot - half,
        foot + complex(lean * 0.4 - half * 0.6, -0.6 * length),
        foot + complex(lean, -length),
        foot + half,
    ]


def _sky(rng: Random, state: np.random.RandomState, size: Size) -> Image.Image:
    top: Colour = rng.choice([(64, 120, 200), (96, 150, 216), (120, 160, 200), (150, 176, 200)])
    image = _blend(size, _downwards(size), top, mix(top, (235, 240, 245), 0.75))
    cover = np.clip((_clouds(state, size, rng.randint(2, 4)) - rng.uniform(0.35, 0.8)) * 2.5, 0, 0.9)
    return _lay(image, cover, (246, 246, 244))


def _soil(rng: Random, state: np.random.RandomState, size: Size) -> Image.Image:
    earth: Colour = rng.choice([(124, 92, 64), (100, 76, 56), (150, 120, 86), (132, 94, 68)])
    image = _blend(size, _clouds(state, size, rng.randint(8, 16)), shade(earth, 0.55), shade(earth, 1.25))
    ground = Pen(ImageDraw.Draw(image), 0, min(size))
    for _ in range(rng.randint(25, 70)):
        stone = ground.moved(complex(rng.random() * size[0], rng.random() * size[1]) / ground.radius)
        radius, tone = rng.uniform(0.006, 0.022), mix(earth, (150, 146, 140), rng.random())
        stone.moved(0.004 + 0.006j).disc(radius * 1.05, shade(earth, 0.4))
        stone.disc(radius, shade(tone, rng.uniform(0.6, 1.2)))
    return image


def _wall(rng: Random, state: np.random.RandomState, size: Size) -> Image.Image:
    plaster: Colour = rng.choice([(206, 200, 188), (168, 170, 172), (224, 216, 196), (150, 170, 176), (132, 128, 124)])
    image = _blend(size, _clouds(state, size, rng.randint(4, 10)), shade(plaster, 0.86), shade(plaster, 1.1))
    draw, kind = ImageDraw.Draw(image), rng.random()
    joint, step = shade(plaster, rng.uniform(0.68, 0.85)), max(18, round(min(size) * rng.uniform(0.09, 0.2)))
    if kind < 0.35:  # bricks
        for row, y in enumerate(range(0, size[1], step)):
            draw.line((0, y, size[0], y), fill=joint, width=max(1, step // 14))
            for x in range((row % 2) * step, size[0], step * 2):
                draw.line((x, y, x, y + step), fill=joint, width=max(1, step // 14))
    elif kind < 0.6:  # planks
        for x in range(rng.randrange(step), size[0], step * 2):
            draw.line((x, 0, x, size[1]), fill=shade(joint, 0.8), width=max(2, step // 10))
    return image


def _dark(rng: Random, state: np.random.RandomState, size: Size) -> Image.Image:
    tint: Colour = rng.choice([(36, 50, 36), (30, 34, 44), (50, 40, 34), (20, 30, 26)])
    return _blend(size, _clouds(state, size, rng.randint(2, 5)), shade(tint, 0.4), shade(tint, 1.15))


_KINDS: dict[str, tuple[float, Callable[[Random, np.random.RandomState, Size], Image.Image]]] = {
    "meadow": (0.6, _meadow),
    "sky": (0.13, _sky),
    "soil": (0.1, _soil),
    "wall": (0.09, _wall),
    "dark": (0.08, _dark),
}


def background(rng: Random, state: np.random.RandomState, size: Size) -> tuple[str, Image.Image]:
    """Its kind, and the picture."""
    names = list(_KINDS)
    kind = rng.choices(names, weights=[_KINDS[name][0] for name in names])[0]
    image = _KINDS[kind][1](rng, state, size)
    if kind in ("meadow", "dark") and rng.random() < 0.35:
        _bokeh(image, rng)
    return kind, image


def _bokeh(image: Image.Image, rng: Random) -> None:
    """Discs of light, as a wide-open lens draws highlights."""
    lights = Image.new("RGB", image.size)
    pen = Pen(ImageDraw.Draw(lights), 0, min(image.size))
    for _ in range(rng.randint(8, 26)):
        level = rng.randint(25, 90)
        at = complex(rng.random() * image.width, rng.random() ** 1.4 * image.height)
        pen.moved(at / pen.radius).disc(rng.uniform(0.02, 0.07), (level, level, level))
    tint: Colour = rng.choice([(255, 250, 220), (220, 255, 210), (255, 230, 200)])
    image.paste(tint, mask=lights.convert("L").filter(ImageFilter.BoxBlur(1)))
