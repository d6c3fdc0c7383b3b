"""Changes of one property of a picture, uint8 [s, s, 3], that leave what it shows as it is. A change gives the same picture each time."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from flowers_tfx.explain.model_function import Pictures

Colour = tuple[int, int, int]
Doubles = npt.NDArray[np.float64]

_LUMA = np.array([0.299, 0.587, 0.114])  # Rec. 601
_LEVELS = np.arange(256.0)
_LARGEST_GAIN, _BISECTIONS = 32.0, 14
_NOISE_SEED = 16
TURNS = {
    "mirrored": Image.Transpose.FLIP_LEFT_RIGHT,
    "upside down": Image.Transpose.ROTATE_180,
    "quarter turn left": Image.Transpose.ROTATE_90,
    "quarter turn right": Image.Transpose.ROTATE_270,
}


def with_brightness(picture: Pictures, mean_luma: float) -> Pictures:
    """Exposed longer or shorter until the mean luma is this; what becomes brighter than white stays white."""
    histogram = _luma_histogram(picture)
    low, high = 0.0, _LARGEST_GAIN
    for _ in range(_BISECTIONS):
        gain = (low + high) / 2
        too_dark = float(histogram @ np.minimum(gain * _LEVELS, 255.0)) < mean_luma
        low, high = (gain, high) if too_dark else (low, gain)
    return _by_table(picture, high * _LEVELS)


def with_contrast(picture: Pictures, rms_contrast: float) -> Pictures:
    """Levels stretched about the mean luma until its standard deviation is this, where no level is cut off. One colour stays as it is."""
    mean, spread = mean_luma(picture), luma_spread(picture)
    return _by_table(picture, mean + (rms_contrast / spread if spread > 0.5 else 1.0) * (_LEVELS - mean))


def mean_luma(picture: Pictures) -> float:
    return float(_luma_histogram(picture) @ _LEVELS)


def luma_spread(picture: Pictures) -> float:
    return float((picture @ _LUMA).std())


def with_saturation(picture: Pictures, factor: float) -> Pictures:
    """Colours times `factor`: 0 is black and white."""
    return np.asarray(ImageEnhance.Color(Image.fromarray(picture)).enhance(factor))


def with_white_balance(picture: Pictures, share: float) -> Pictures:
    """Red times 1 + `share` and blue times 1 - `share`: warmer above 0, colder below."""
    return to_bytes(picture * np.array([1 + share, 1.0, 1 - share]))


def blurred(picture: Pictures, sigma: float) -> Pictures:
    """By a Gaussian of so many pixels."""
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(sigma)))


def with_noise(picture: Pictures, sigma: float) -> Pictures:
    """Gaussian noise of this standard deviation, 0 to 255, the same for every picture."""
    noise = np.random.default_rng(_NOISE_SEED).standard_normal(picture.shape, np.float32)
    return to_bytes(picture + np.float32(sigma) * noise)


def as_jpeg(picture: Pictures, quality: float) -> Pictures:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=int(quality))
    return np.asarray(Image.open(buffer).convert("RGB"))


def with_width(picture: Pictures, width_px: float) -> Pictures:
    """The picture of a photo that is so many pixels wide: the details are lost, the size stays."""
    size = picture.shape[0]
    small = Image.fromarray(picture).resize((int(width_px), int(width_px)), Image.Resampling.BOX)
    return np.asarray(small.resize((size, size), Image.Resampling.BILINEAR))


def rotated(picture: Pictures, degrees: float) -> Pictures:
    """To the left; the corners are filled by mirroring."""
    size = picture.shape[0]
    image = Image.fromarray(_mirror_outside(picture, size // 2)).rotate(degrees, Image.Resampling.BILINEAR)
    return np.asarray(image)[size // 2 : size // 2 + size, size // 2 : size // 2 + size]


def turned(picture: Pictures, turn: str) -> Pictures:
    return np.asarray(Image.fromarray(picture).transpose(TURNS[turn]))


def zoomed(picture: Pictures, factor: float) -> Pictures:
    """From nearer, above 1: the middle of the picture; from farther, below 1: surrounded by its mirror image."""
    size = picture.shape[0]
    margin = size if factor < 1 else 0
    image = Image.fromarray(_mirror_outside(picture, margin))
    middle, half = margin + size / 2, size / factor / 2
    box = (middle - half, middle - half, middle + half, middle + half)
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, box))


def letterboxed(picture: Pictures, share: float) -> Pictures:
    """Black bars above and below, together this share of the height; the picture is squeezed between them."""
    size = picture.shape[0]
    bar = round(share * size / 2)
    canvas = np.zeros_like(picture)
    canvas[bar : size - bar] = np.asarray(Image.fromarray(picture).resize((size, size - 2 * bar), Image.Resampling.BILINEAR))
    return canvas


def occluded(picture: Pictures, box: tuple[float, float, float, float]) -> Pictures:
    """A box, shares of the picture, filled with its mean colour."""
    changed, (x0, y0, x1, y1) = picture.copy(), pixels(box, picture.shape[0])
    changed[y0:y1, x0:x1] = picture.reshape(-1, 3).mean(axis=0)
    return changed


def framed(picture: Pictures, colour: Colour, share: float) -> Pictures:
    """A frame of one colour over the edge; `share`: its width as a share of the picture's."""
    image = Image.fromarray(picture)
    ImageDraw.Draw(image).rectangle((0, 0, image.width - 1, image.height - 1), outline=colour, width=max(1, round(share * image.width)))
    return np.asarray(image)


def marked(picture: Pictures, colour: Colour, box: tuple[float, float, float, float]) -> Pictures:
    """A patch of one colour in a box, shares of the picture."""
    changed, (x0, y0, x1, y1) = picture.copy(), pixels(box, picture.shape[0])
    changed[y0:y1, x0:x1] = colour
    return changed


def pixels(box: tuple[float, float, float, float], size: int) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = (round(share * size) for share in box)
    return x0, y0, x1, y1


def to_bytes(levels: Any) -> Pictures:
    """From an array of numbers, 0 to 255 after rounding."""
    rounded: Pictures = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return rounded


def _luma_histogram(picture: Pictures) -> Doubles:
    """Shares of the 256 levels, of the channels weighted as in the luma: its mean over levels is the mean luma."""
    counts = [weight * np.bincount(picture[..., channel].ravel(), minlength=256) for channel, weight in enumerate(_LUMA)]
    shares: Doubles = sum(counts[1:], counts[0]) / (picture.shape[0] * picture.shape[1])
    return shares


def _by_table(picture: Pictures, table: Doubles) -> Pictures:
    return to_bytes(table)[picture]


def _mirror_outside(picture: Pictures, margin: int) -> Pictures:
    return np.pad(picture, ((margin, margin), (margin, margin), (0, 0)), "symmetric")
