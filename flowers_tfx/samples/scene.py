"""Composition: how many flowers, where and how large, what is in focus. The scene is evenly lit; `camera` lights it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from flowers_tfx.samples.flowers import DRAW
from flowers_tfx.samples.leaves import draw_rosette, draw_stem
from flowers_tfx.samples.pen import Pen, shade
from flowers_tfx.samples.surroundings import GREENS, Size, background

_FINE = 2  # flowers in focus are drawn at twice the size, then reduced: smooth edges


@dataclass(frozen=True)
class _Head:
    """Position in shares of the picture's width and height, radius in shares of its shorter side."""

    x: float
    y: float
    radius: float


def paint_scene(label: str, rng: Random, size: Size) -> tuple[str, Image.Image]:
    """The kind of background, and the picture."""
    kind, image = background(rng, np.random.RandomState(rng.getrandbits(32)), size)
    heads = _arrange(rng)
    if rng.random() < 0.45:  # the same flower further off, out of focus
        for _ in range(rng.randint(1, 6)):
            far = _Head(rng.random(), rng.uniform(0.1, 0.8), rng.uniform(0.04, 0.11))
            _flower(ImageDraw.Draw(image), rng, label, far, size, stem=rng.random() < 0.7)
    image = _blurred(image, min(size) * rng.choice([0.0, 0.004, 0.009, 0.016, 0.03]))
    if kind not in ("sky", "dark"):
        _cast_shadow(image, heads, rng)
    fine = (size[0] * _FINE, size[1] * _FINE)
    image = image.resize(fine, Image.Resampling.NEAREST)  # which reducing it again undoes
    stems = len(heads) > 3 or rng.random() < 0.6
    for head in sorted(heads, key=lambda head: head.y):
        _flower(ImageDraw.Draw(image), rng, label, head, fine, stem=stems)
    image = image.reduce(_FINE)
    if rng.random() < 0.2:
        _foreground(image, rng)
    return kind, image


def _arrange(rng: Random) -> list[_Head]:
    """One flower, a close-up, two or three, or a field whose nearer flowers are lower and larger."""
    kind = rng.random()
    if kind < 0.48:
        return [_Head(rng.uniform(0.34, 0.66), rng.uniform(0.34, 0.56), rng.uniform(0.33, 0.45))]
    if kind < 0.72:
        return [_Head(rng.uniform(0.38, 0.62), rng.uniform(0.42, 0.58), rng.uniform(0.46, 0.58))]
    if kind < 0.91:
        return _apart(rng, [rng.uniform(0.23, 0.34) for _ in range(rng.randint(2, 3))])
    return _apart(rng, [rng.uniform(0.13, 0.2) for _ in range(rng.randint(5, 9))], deep=True)


def _apart(rng: Random, radii: list[float], deep: bool = False) -> list[_Head]:
    heads: list[_Head] = []
    for radius in radii:
        for _ in range(12):
            y = rng.uniform(0.15, 0.8)
            head = _Head(rng.uniform(0.08, 0.92), y, radius * (0.6 + 0.8 * y) if deep else radius)
            if all(abs(head.x - h.x) + abs(head.y - h.y) > 1.05 * (head.radius + h.radius) for h in heads):
                heads.append(head)
                break
    return heads


def _flower(draw: ImageDraw.ImageDraw, rng: Random, label: str, head: _Head, size: Size, stem: bool) -> None:
    squash = 1.0 if rng.random() < 0.4 else rng.uniform(0.55, 0.95)
    turn = rng.gauss(0, 0.3)
    if label == "tulips":  # from the side, hardly ever from above
        squash, turn = (0.85, turn) if rng.random() < 0.08 else (1.0, turn * 0.6)
    radius = head.radius * min(size) * (0.85 if label == "tulips" else 1)  # a cup fills more of its circle
    pen = Pen(draw, complex(head.x * size[0], head.y * size[1]), radius, turn, squash)
    if stem or (label == "tulips" and squash == 1.0):
        draw_stem(pen, rng, label, size[1] * 1.02)
    elif rng.random() < 0.7:
        draw_rosette(pen, rng, label)
    DRAW[label](pen, rng)


def _blurred(image: Image.Image, radius: float) -> Image.Image:
    """Blurred; at half the size if that loses no detail."""
    if radius < 3:
        return image.filter(ImageFilter.GaussianBlur(radius)) if radius else image
    return image.reduce(2).filter(ImageFilter.GaussianBlur(radius / 2)).resize(image.size, Image.Resampling.BILINEAR)


def _quarter(size: Size) -> Size:
    """Soft things are drawn small and enlarged."""
    return size[0] // 4, size[1] // 4


def _cast_shadow(image: Image.Image, heads: list[_Head], rng: Random) -> None:
    shadow = Image.new("RGB", _quarter(image.size))
    level, short = rng.randint(40, 100), min(shadow.size)
    pen = Pen(ImageDraw.Draw(shadow), 0, 1)
    for head in heads:
        at = complex(head.x * shadow.width, head.y * shadow.height) + head.radius * short * (0.22 + 0.28j)
        pen.moved(at).disc(head.radius * short, (level, level, level))
    soft = shadow.convert("L").filter(ImageFilter.GaussianBlur(short * 0.03))
    image.paste((8, 12, 8), mask=soft.resize(image.size, Image.Resampling.BILINEAR))


def _foreground(image: Image.Image, rng: Random) -> None:
    """Grass close to the lens: large, soft, along the lower edge."""
    grass = Image.new("L", _quarter(image.size))
    draw = ImageDraw.Draw(grass)
    for _ in range(rng.randint(3, 9)):
        x, top = rng.uniform(0, grass.width), grass.height * rng.uniform(0.45, 0.85)
        half = grass.width * rng.uniform(0.01, 0.03)
        blade = (x - half, grass.height, x + rng.gauss(0, 4 * half), top, x + half, grass.height)
        draw.polygon(blade, fill=rng.randint(140, 220))
    soft = grass.filter(ImageFilter.GaussianBlur(min(grass.size) * 0.025))
    tone = shade(rng.choice(GREENS), rng.uniform(0.7, 1.1))
    image.paste(tone, mask=soft.resize(image.size, Image.Resampling.BILINEAR))
