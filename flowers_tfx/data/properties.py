"""The image properties: one function each, over the samples of some photos at a time.

NumPy's cost for one photo is mostly the calls and not the numbers: 16 photos at a time take a third of the time. What a photo's
properties are does not depend on which others are measured with it. Tone, colour and layout are those of a grid of 96x96 points: on 1000
real photos, its mean luma differs from that of all pixels by 0.2 on average and 4 at most. Sums are sums of whole numbers, so that every
worker finds the same.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from flowers_tfx import features
from flowers_tfx.data.sampling import GRID, Sample, sample

BATCH = 16
GRAY_TOLERANCE = 8  # channels may differ by this much in a photo without colour: rounding in the encoder

Value: TypeAlias = int | float | str | None
Values: TypeAlias = Any  # a sequence or an array with one value a photo: NumPy's types lose themselves in arithmetic
Floats = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]

_LEVELS = np.arange(256, dtype=np.float64)
# The 8 lowest frequencies of a 32-point DCT-II, in whole numbers: products stay below 2**53, so they are exact on every machine.
_DCT = np.array([[round(4096 * math.cos(math.pi * k * (2 * n + 1) / 64)) for n in range(32)] for k in range(8)], np.float64)


class Sheet:
    """Some photos, and the arrays that several properties share; the first axis of each is the photo, if not said otherwise."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.samples = samples

    @cached_property
    def channels(self) -> Bytes:
        """Red, green and blue (first axis) of the grids of the photos."""
        flat = np.frombuffer(b"".join(photo.grid for photo in self.samples), np.uint8)
        return np.ascontiguousarray(flat.reshape(-1, 3).T).reshape(3, -1, GRID**2)

    @cached_property
    def channel_means(self) -> Floats:
        """First axis: the channel."""
        means: Floats = self.channels.sum(axis=2, dtype=np.int64) / GRID**2
        return means

    @cached_property
    def luma(self) -> npt.NDArray[np.int32]:
        """Rec. 601 luma of the grid, rounded as Pillow does."""
        red, green, blue = self.channels.astype(np.int32)
        luma: npt.NDArray[np.int32] = (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16
        return luma

    @cached_property
    def luma_histogram(self) -> Floats:
        bins = self.luma + 256 * np.arange(len(self.samples), dtype=np.int32)[:, np.newaxis]
        return np.bincount(bins.ravel(), minlength=256 * len(self.samples)).reshape(-1, 256).astype(np.float64)

    @cached_property
    def luma_mean(self) -> Floats:
        means: Floats = self.luma_histogram @ _LEVELS / GRID**2
        return means

    @cached_property
    def thumbnail(self) -> Floats:
        """The luma summed up to 32x32 whole numbers, each of 9 points."""
        rows = self.luma.reshape(-1, GRID, GRID)
        rows = rows[:, ::3] + rows[:, 1::3] + rows[:, 2::3]
        sums: Floats = (rows[:, :, ::3] + rows[:, :, 1::3] + rows[:, :, 2::3]).astype(np.float64)
        return sums

    @cached_property
    def spread(self) -> tuple[Bytes, Bytes]:
        """The largest channel, and how far the smallest lies below it."""
        red, green, blue = self.channels
        high = np.maximum(np.maximum(red, green), blue)
        return high, high - np.minimum(np.minimum(red, green), blue)


_FUNCTIONS: dict[str, Callable[[Sheet], Values]] = {}


def image_property(function: Callable[[Sheet], Values]) -> Callable[[Sheet], Values]:
    """Makes the function the source of the property that has its name."""
    _FUNCTIONS[function.__name__] = function
    return function


def properties(data: bytes, max_pixels: int) -> dict[str, Value]:
    """Every property of features.PROPERTIES; optional ones can be None, floats have 6 decimals. BadPicture when it is none."""
    return measure([sample(data, max_pixels)])[0]


def measure(samples: Sequence[Sample]) -> list[dict[str, Value]]:
    """The properties of each photo, whatever the others are."""
    sheet = Sheet(samples)
    columns = [_column(name, sheet) for name in features.PROPERTY_NAMES]
    return [dict(zip(features.PROPERTY_NAMES, row, strict=True)) for row in zip(*columns, strict=True)]


def implemented() -> frozenset[str]:
    return frozenset(_FUNCTIONS)


def _column(name: str, sheet: Sheet) -> Sequence[Value]:
    values = _FUNCTIONS[name](sheet)
    listed: Sequence[Value] = values.tolist() if isinstance(values, np.ndarray) else values
    return [round(value, 6) if isinstance(value, float) else value for value in listed]


def _mean_square(values: npt.NDArray[np.int16]) -> Floats:
    wide = values.astype(np.int32)
    # At most 510**2 each: a photo's sum fits 32 bits without a sign.
    means: Floats = np.einsum("ij,ij->i", wide, wide).view(np.uint32) / GRID**2
    return means


@image_property
def width_px(sheet: Sheet) -> Values:
    return [photo.width_px for photo in sheet.samples]


@image_property
def height_px(sheet: Sheet) -> Values:
    return [photo.height_px for photo in sheet.samples]


@image_property
def aspect_ratio(sheet: Sheet) -> Values:
    return [photo.width_px / photo.height_px for photo in sheet.samples]


@image_property
def file_bytes(sheet: Sheet) -> Values:
    return [photo.file_bytes for photo in sheet.samples]


@image_property
def bits_per_pixel(sheet: Sheet) -> Values:
    return [8 * photo.file_bytes / (photo.width_px * photo.height_px) for photo in sheet.samples]


@image_property
def jpeg_quality(sheet: Sheet) -> Values:
    return [photo.jpeg_quality for photo in sheet.samples]


@image_property
def mean_luma(sheet: Sheet) -> Values:
    return sheet.luma_mean


@image_property
def rms_contrast(sheet: Sheet) -> Values:
    """Standard deviation of the luma (Peli 1990)."""
    squares = sheet.luma_histogram @ _LEVELS**2 / GRID**2
    return np.sqrt(np.maximum(0.0, squares - sheet.luma_mean**2))


@image_property
def luma_entropy(sheet: Sheet) -> Values:
    """Shannon entropy of the 256-bin histogram of the luma."""
    shares = sheet.luma_histogram / GRID**2
    return np.maximum(0.0, -(shares * np.log2(np.where(shares > 0, shares, 1.0))).sum(axis=1))


@image_property
def saturation(sheet: Sheet) -> Values:
    """Mean of HSV's saturation, (max-min)/max over the channels, 0 for black."""
    high, spread = sheet.spread
    return np.divide(spread, np.maximum(high, 1), dtype=np.float32).sum(axis=1, dtype=np.float64) / GRID**2


@image_property
def colorfulness(sheet: Sheet) -> Values:
    """M3 of Hasler and Suesstrunk, "Measuring colourfulness in natural images", 2003: sigma_rgyb + 0.3 mu_rgyb."""
    (red, green, blue), (mean_r, mean_g, mean_b) = sheet.channels.astype(np.int16), sheet.channel_means
    red_green, yellow_blue = mean_r - mean_g, (mean_r + mean_g) / 2 - mean_b
    # Twice yellow-blue, R+G-2B, is a whole number.
    squares = _mean_square(red - green) + _mean_square(red + green - (blue << 1)) / 4
    variance = np.maximum(0.0, squares - red_green**2 - yellow_blue**2)
    return np.sqrt(variance) + 0.3 * np.hypot(red_green, yellow_blue)


@image_property
def mean_red(sheet: Sheet) -> Values:
    return sheet.channel_means[0]


@image_property
def mean_green(sheet: Sheet) -> Values:
    return sheet.channel_means[1]


@image_property
def mean_blue(sheet: Sheet) -> Values:
    return sheet.channel_means[2]


@image_property
def sharpness(sheet: Sheet) -> Values:
    """log10(1 + variance of the 4-neighbour Laplacian) (Pech-Pacheco et al. 2000); low for blurred photos."""
    found = (photo.neighbourhoods for photo in sheet.samples)
    return [math.log10(1 + max(0.0, f.laplacian_mean_square - f.laplacian_mean**2)) for f in found]


@image_property
def noise(sheet: Sheet) -> Values:
    """Immerkaer, "Fast noise variance estimation", 1996: sqrt(pi/2)/6 of the mean |[[1,-2,1],[-2,4,-2],[1,-2,1]] * luma|."""
    return [math.sqrt(math.pi / 2) / 6 * photo.neighbourhoods.kernel_mean_abs for photo in sheet.samples]


@image_property
def top_bottom_luma(sheet: Sheet) -> Values:
    rows = sheet.thumbnail.sum(axis=2)
    return (rows[:, :16].sum(axis=1) - rows[:, 16:].sum(axis=1)) / (GRID**2 / 2)


@image_property
def left_right_luma(sheet: Sheet) -> Values:
    columns = sheet.thumbnail.sum(axis=1)
    return (columns[:, :16].sum(axis=1) - columns[:, 16:].sum(axis=1)) / (GRID**2 / 2)


@image_property
def vertical_gradient_share(sheet: Sheet) -> Values:
    """Of the squared central differences of the 32x32 luma, the share from top to bottom; 0.5 for a flat picture."""
    luma = sheet.thumbnail
    vertical = ((luma[:, 2:, 1:-1] - luma[:, :-2, 1:-1]) ** 2).sum(axis=(1, 2))
    horizontal = ((luma[:, 1:-1, 2:] - luma[:, 1:-1, :-2]) ** 2).sum(axis=(1, 2))
    both = vertical + horizontal
    return np.where(both > 0, vertical / np.maximum(both, 1.0), 0.5)


@image_property
def grayscale(sheet: Sheet) -> Values:
    return (sheet.spread[1].max(axis=1) <= GRAY_TOLERANCE).astype(np.int64)


@image_property
def format(sheet: Sheet) -> Values:
    return [photo.format for photo in sheet.samples]


@image_property
def exif_orientation(sheet: Sheet) -> Values:
    return [photo.exif_orientation for photo in sheet.samples]


@image_property
def capture_month(sheet: Sheet) -> Values:
    """From "YYYY:MM:DD hh:mm:ss"; None for a clock that was never set."""
    return [_month(photo.capture_time) for photo in sheet.samples]


def _month(taken: str) -> int | None:
    match = re.match(r"(\d{4})[:\-/.](\d{1,2})[:\-/.]\d", taken) if taken else None
    month = int(match[2]) if match and int(match[1]) > 0 else 0
    return month if 1 <= month <= 12 else None


@image_property
def phash(sheet: Sheet) -> Values:
    """DCT hash (Zauner 2010): which of the 8x8 lowest frequencies of the 32x32 luma exceed their median; 16 hex digits."""
    low = (_DCT @ sheet.thumbnail @ _DCT.T).reshape(-1, 64)
    ordered = np.sort(low, axis=1)
    bits = 2 * low > ordered[:, 31:32] + ordered[:, 32:33]
    return [row.tobytes().hex() for row in np.packbits(bits, axis=1)]


@image_property
def size_band(sheet: Sheet) -> Values:
    return [_band(features.SIZE_BANDS_PX, max(photo.width_px, photo.height_px)) for photo in sheet.samples]


@image_property
def light_band(sheet: Sheet) -> Values:
    return [_band(features.LIGHT_BANDS, luma) for luma in sheet.luma_mean.tolist()]


def _band(bands: tuple[tuple[str, float | None], ...], value: float) -> str:
    """The first band whose upper limit the value does not exceed."""
    return next(name for name, limit in bands if limit is None or value <= limit)
