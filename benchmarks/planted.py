"""Drift that is planted into real photos: kinds, each at three strengths (weak, medium, strong).

`PIXELS` change pictures, which are then encoded and measured again; `ROWS` change the table alone. Every picture, changed or not, is
decoded and encoded at its own quality first: else the encoder would give the planted ones away.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

Random = np.random.Generator
Change = Callable[[Image.Image, float, Random], Image.Image]


@dataclass(frozen=True)
class Pixels:
    """`strengths`: what `change` gets, weak to strong; where `share` is set, the part of the photos that is changed. `before`: what the
    baseline's photos are, too."""

    change: Change
    strengths: tuple[float, float, float]
    share: bool = False
    before: str = "plain"


def _plain(image: Image.Image, _: float, __: Random) -> Image.Image:
    return image


def _square(image: Image.Image, _: float = 0.0, __: Random | None = None) -> Image.Image:
    side = min(image.size)
    return ImageOps.fit(image, (side, side))


def _resolution(image: Image.Image, share: float, _: Random) -> Image.Image:
    return image.resize((max(8, round(image.width * share)), max(8, round(image.height * share))), Image.Resampling.LANCZOS)


def _enhanced(kind: type[ImageEnhance._Enhance]) -> Change:
    return lambda image, factor, _: kind(image).enhance(factor)


def _channels(image: Image.Image, red: float, green: float, blue: float) -> Image.Image:
    factors = (red, green, blue)
    return image.point([min(255, round(value * factors[band])) for band in range(3) for value in range(256)])


def _hue(image: Image.Image, degrees: float, _: Random) -> Image.Image:
    hue, saturation, value = image.convert("HSV").split()
    return Image.merge("HSV", (hue.point([(v + round(degrees * 256 / 360)) % 256 for v in range(256)]), saturation, value)).convert("RGB")


def _noise(image: Image.Image, sigma: float, random: Random) -> Image.Image:
    pixels = np.asarray(image, np.float32) + random.normal(0, sigma, (image.height, image.width, 3)).astype(np.float32)
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))


def _crop(image: Image.Image, side: float, _: Random) -> Image.Image:
    width, height = round(image.width * side), round(image.height * side)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def _zoom(image: Image.Image, side: float, random: Random) -> Image.Image:
    return _crop(image, side, random).resize(image.size, Image.Resampling.BICUBIC)


def _border(image: Image.Image, share: float, _: Random) -> Image.Image:
    return ImageOps.expand(_crop(image, 1 - 2 * share, _), round(share * min(image.size)), (0, 0, 0))


def _wide(image: Image.Image, _: float, __: Random) -> Image.Image:
    return ImageOps.fit(image, (image.width, round(image.width * 9 / 16)))


def _fog(image: Image.Image, share: float, _: Random) -> Image.Image:
    return Image.blend(image, Image.new("RGB", image.size, (225, 225, 225)), share)


def _gamma(image: Image.Image, gamma: float, _: Random) -> Image.Image:
    return image.point([round(255 * (value / 255) ** gamma) for value in range(256)] * 3)


def _vignette(image: Image.Image, depth: float, _: Random) -> Image.Image:
    y, x = np.mgrid[-1 : 1 : image.height * 1j, -1 : 1 : image.width * 1j]
    shade = 1 - depth * np.clip((x**2 + y**2) / 2, 0, 1)
    return Image.fromarray((np.asarray(image, np.float32) * shade[..., None]).astype(np.uint8))


def _stamp(image: Image.Image, share: float, _: Random) -> Image.Image:
    stamped = image.copy()
    width, height = round(image.width * share * 2), round(image.height * share)
    box = (image.width - width - 4, image.height - height - 4, image.width - 4, image.height - 4)
    ImageDraw.Draw(stamped).rectangle(box, fill=(255, 255, 255), outline=(200, 0, 0), width=2)
    return stamped


def _website(image: Image.Image, side: float, _: Random) -> Image.Image:
    """Square thumbnails, compressed as `WEBSITE_QUALITIES` has it."""
    return ImageOps.fit(image, (round(side), round(side)))


def _sharpened(image: Image.Image, percent: float, _: Random) -> Image.Image:
    return image.filter(ImageFilter.UnsharpMask(2, round(percent), 0))


WEBSITE_QUALITIES = {400.0: 90, 320.0: 82, 256.0: 75}
PIXELS: dict[str, Pixels] = {
    "another website": Pixels(_website, (400, 320, 256)),
    "resolution": Pixels(_resolution, (0.85, 0.65, 0.4)),
    "jpeg quality": Pixels(_plain, (-10, -25, -50)),
    "brightness": Pixels(_enhanced(ImageEnhance.Brightness), (0.9, 0.78, 0.55)),
    "contrast": Pixels(_enhanced(ImageEnhance.Contrast), (0.88, 0.72, 0.45)),
    "saturation": Pixels(_enhanced(ImageEnhance.Color), (0.85, 0.65, 0.35)),
    "colour cast": Pixels(lambda i, s, _: _channels(i, 1 + s, 1, 1 - s), (0.04, 0.1, 0.22)),
    "hue shift": Pixels(_hue, (7, 16, 35)),
    "blur": Pixels(lambda i, s, _: i.filter(ImageFilter.GaussianBlur(s)), (0.5, 0.9, 2.0)),
    "noise": Pixels(_noise, (3, 7, 18)),
    "crop": Pixels(_crop, (0.9, 0.75, 0.55)),
    "zoom": Pixels(_zoom, (0.88, 0.72, 0.5)),
    "grayscale share": Pixels(lambda i, _, __: ImageOps.grayscale(i).convert("RGB"), (0.05, 0.12, 0.35), share=True),
    "quarter turn of squares": Pixels(lambda i, _, __: _square(i).transpose(Image.Transpose.ROTATE_90), (0.35, 0.7, 1.0), True, "square"),
    "upside down": Pixels(lambda i, _, __: i.transpose(Image.Transpose.ROTATE_180), (0.35, 0.7, 1.0), share=True),
    "borders": Pixels(_border, (0.02, 0.05, 0.12)),
    "wide frames": Pixels(_wide, (0.2, 0.4, 1.0), share=True),
    "fog": Pixels(_fog, (0.08, 0.2, 0.4)),
    "gamma": Pixels(_gamma, (0.88, 0.75, 0.5)),
    "vignette": Pixels(_vignette, (0.25, 0.5, 0.85)),
    "stamp": Pixels(_stamp, (0.06, 0.12, 0.25)),
    "sharpening": Pixels(_sharpened, (30, 80, 200)),
}


def picture(data: bytes, quality: int, kind: str, strength: float, random: Random) -> bytes:
    """The JPEG with this drift planted into it."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    if kind == "square":
        image = _square(image)
    elif kind == "jpeg quality":
        quality = max(5, quality + round(strength))
    elif kind != "plain":
        image = PIXELS[kind].change(image, strength, random)
        quality = WEBSITE_QUALITIES[strength] if kind == "another website" else quality
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


# Changes of tables: the photos to choose from, how many are wanted, strength, random.
Rows = Callable[[pd.DataFrame, int, float, Random], pd.DataFrame]


def _drawn(pool: pd.DataFrame, count: int, weights: npt.NDArray[np.float64], random: Random) -> pd.DataFrame:
    """Never the same photo twice, so weights give way where a class runs out."""
    chosen = random.choice(len(pool), min(count, int((weights > 0).sum())), replace=False, p=weights / weights.sum())
    return pool.iloc[chosen].copy()


def _class_mix(pool: pd.DataFrame, count: int, strength: float, random: Random) -> pd.DataFrame:
    """Two classes more often, two less: shares of 20 % move to 20 % +- strength."""
    classes = sorted(pool.label.unique())
    shares = dict(zip(classes, 0.2 + strength * np.array([1, 1, 0, -1, -1]), strict=False))
    parts = [
        own.iloc[random.permutation(len(own))[: round(count * shares[label])]] for label in classes if len(own := pool[pool.label == label])
    ]
    return pd.concat(parts).copy()


def _without_class(pool: pd.DataFrame, count: int, strength: float, random: Random) -> pd.DataFrame:
    weights = np.where(pool.label == "roses", 1 - strength, 1.0)
    return _drawn(pool, count, weights, random)


def _new_class(pool: pd.DataFrame, count: int, strength: float, random: Random) -> pd.DataFrame:
    """Photos of a class that the baseline does not know; here some of the known ones, under a new name."""
    rows = _drawn(pool, count, np.ones(len(pool)), random)
    rows.loc[rows.index[: max(1, round(count * strength))], "label"] = "orchids"
    return rows


def _swapped(pool: pd.DataFrame, count: int, strength: float, random: Random) -> pd.DataFrame:
    rows = _drawn(pool, count, np.ones(len(pool)), random)
    classes = sorted(pool.label.unique())
    changed = rows.index[: round(len(rows) * strength)]
    rows.loc[changed, "label"] = [
        classes[(classes.index(label) + int(random.integers(1, len(classes)))) % len(classes)] for label in rows.loc[changed, "label"]
    ]
    return rows


def _duplicates(pool: pd.DataFrame, count: int, strength: float, random: Random) -> pd.DataFrame:
    fresh = _drawn(pool, count - round(count * strength), np.ones(len(pool)), random)
    again = fresh.iloc[random.integers(0, len(fresh), round(count * strength))].copy()
    again["uri"] = again["uri"] + "#again"
    return pd.concat([fresh, again])


def _other_flowers(pool: pd.DataFrame, count: int, strength: float, random: Random) -> pd.DataFrame:
    """Under one label, flower, two kinds of flowers get rarer; fewer photos than wanted where the pool runs out."""
    rare = pool.label.isin(["tulips", "dandelion"]).to_numpy()
    kept = pool[~rare | (random.random(len(pool)) >= strength)]
    return _drawn(kept, count, np.ones(len(kept)), random).assign(label="flower")


ROWS: dict[str, tuple[Rows, tuple[float, float, float]]] = {
    "class mix": (_class_mix, (0.05, 0.1, 0.18)),
    "missing class": (_without_class, (0.5, 0.85, 1.0)),
    "new class": (_new_class, (0.03, 0.08, 0.25)),
    "swapped labels": (_swapped, (0.07, 0.18, 0.4)),
    "duplicates": (_duplicates, (0.04, 0.12, 0.35)),
    "other flowers, one label": (_other_flowers, (0.4, 0.75, 1.0)),
}
