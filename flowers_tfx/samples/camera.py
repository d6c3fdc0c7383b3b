"""From an evenly lit scene to the bytes of a JPEG: light, lens, sensor, compression and EXIF."""

from __future__ import annotations

import io
from dataclasses import dataclass
from random import Random

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from flowers_tfx.samples.surroundings import Size

Plane = npt.NDArray[np.float32]  # [H, W]; a picture is three of them, [3, H, W], 0 to 1: arithmetic on whole planes is fast

_EXIF_IFD, _DATE_TIME_ORIGINAL, _ORIENTATION = 0x8769, 0x9003, 0x0112
_LONG_SIDES_PX = (250, 290, 320, 330, 400, 440, 500, 510, 600, 700)
_ASPECTS = (1.0, 4 / 3, 4 / 3, 3 / 2, 3 / 2, 16 / 9)
_MONTHS = {"daisy": (4, 9), "dandelion": (3, 6), "roses": (5, 10), "sunflowers": (7, 9), "tulips": (3, 5)}


@dataclass(frozen=True)
class _Light:
    share: float
    gain: tuple[float, float]
    tint: tuple[float, float, float]
    contrast: float
    saturation: float
    noise: float
    backlit: bool = False
    flash: bool = False


_LIGHTS = (
    _Light(0.6, (0.98, 1.2), (1.03, 1.0, 0.95), 1.06, 1.1, 0.008),  # sun
    _Light(0.2, (0.88, 1.06), (0.97, 1.0, 1.04), 0.88, 0.86, 0.012),  # overcast
    _Light(0.06, (0.68, 0.88), (1.14, 0.94, 0.76), 1.0, 0.98, 0.02),  # dusk, warm
    _Light(0.04, (0.56, 0.75), (0.86, 0.94, 1.14), 0.95, 0.8, 0.026),  # dusk, blue
    _Light(0.07, (0.74, 0.92), (1.05, 1.0, 0.92), 0.95, 0.95, 0.012, backlit=True),
    _Light(0.03, (1.0, 1.2), (1.0, 1.0, 1.04), 1.12, 1.0, 0.02, flash=True),
)


def frame_size(rng: Random) -> Size:
    """200 to 700 px a side, in the usual shapes, two in three of them landscape."""
    long = round(rng.choice(_LONG_SIDES_PX) * rng.uniform(0.9, 1.0))
    short = max(200, round(long / rng.choice(_ASPECTS)))
    return (long, short) if rng.random() < 0.66 else (short, long)


def photograph(scene: Image.Image, label: str, rng: Random, dark: bool, exposure: float = 1.0) -> bytes:
    """The file's bytes; a few are stored on their side and say so in EXIF, a few are black and white. `exposure` scales the light."""
    state = np.random.RandomState(rng.getrandbits(32))
    if rng.random() < 0.15:  # out of focus, or shaken
        scene = scene.filter(ImageFilter.GaussianBlur(min(scene.size) * rng.uniform(0.002, 0.007)))
    lights = [light for light in _LIGHTS if light.gain[0] > 0.9 or not dark]  # nobody photographs a dark corner at dusk
    light = rng.choices(lights, weights=[light.share for light in lights])[0]
    planes = np.stack([np.asarray(channel, np.float32) for channel in (*scene.split(), scene.convert("L"))]) / 255
    planes, grey = planes[:3], planes[3]
    _light_up(planes, grey, light, rng)
    planes *= exposure
    _grain(planes, light.noise * rng.uniform(0.4, 1.8), state)
    np.clip(planes, 0, 1, out=planes)
    image = Image.merge("RGB", [Image.fromarray(plane) for plane in (planes * 255 + 0.5).astype(np.uint8)])
    if rng.random() < 0.03:
        image = image.convert("L")
    exif, stored = _exif(label, rng), rng.random()
    if stored < 0.05:
        orientation, rotate = rng.choice([(6, Image.Transpose.ROTATE_90), (8, Image.Transpose.ROTATE_270)])
        exif[_ORIENTATION] = orientation
        image = image.transpose(rotate)
    elif stored < 0.3:
        exif[_ORIENTATION] = 1
    file = io.BytesIO()
    image.save(file, "JPEG", quality=rng.randint(60, 95), progressive=rng.random() < 0.1, exif=exif)
    return file.getvalue()


def _light_up(planes: Plane, grey: Plane, light: _Light, rng: Random) -> None:
    """Saturation, contrast, then the light itself: its level falls off across the frame and towards the corners.

    Products and quotients only, no exponential: they are the same to the last bit on every processor.
    """
    height, width = grey.shape
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    from_x, from_y = rng.uniform(-1, 1), rng.uniform(-1, 0.2)
    level = rng.uniform(*light.gain) * (1 + 0.1 * (x * from_x + y * from_y) - rng.uniform(0, 0.14) * (x * x + y * y))
    if light.flash:
        level *= 0.3 + 0.9 / (1 + 1.2 * (x * x + y * y))
    grey = grey * (light.contrast * (1 - light.saturation)) + 0.5 * (1 - light.contrast)
    planes *= light.contrast * light.saturation
    planes += grey
    planes *= level
    planes *= _tint(*light.tint)
    if light.backlit:
        near_x, near_y = x - from_x, y + rng.uniform(0.6, 1.1)
        glow = rng.uniform(0.35, 0.65) / (1 + rng.uniform(1.0, 2.4) * (near_x * near_x + near_y * near_y))
        planes += glow * _tint(1.0, 0.94, 0.8)


def _tint(red: float, green: float, blue: float) -> Plane:
    return np.array((red, green, blue), np.float32)[:, None, None]


def _grain(planes: Plane, sigma: float, state: np.random.RandomState) -> None:
    """Sensor noise, mostly in the luma. Two uniform numbers add up to something normal enough, ten times faster."""
    dice = np.frombuffer(state.bytes(planes[0].size * 4), np.uint8).reshape(2, 2, *planes[0].shape).astype(np.float32)
    luma, colour = (dice[0] + dice[1] - 255) * (sigma / 104.5)
    planes += luma
    planes += colour * _tint(0.6, -0.2, -0.6)


def _exif(label: str, rng: Random) -> Image.Exif:
    """Three in four carry a date in the species' season."""
    exif = Image.Exif()
    if rng.random() < 0.75:
        first, last = _MONTHS[label]
        month = rng.randint(first, last)
        day = f"{rng.randint(2019, 2025)}:{month:02}:{rng.randint(1, 28):02}"
        exif.get_ifd(_EXIF_IFD)[_DATE_TIME_ORIGINAL] = f"{day} {rng.randint(7, 20):02}:{rng.randint(0, 59):02}:00"
    return exif
