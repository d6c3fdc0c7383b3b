"""The image properties, one function each: from a batch of photos to one value per photo.

The properties of a photo do not depend on the other photos in its batch. Tone, colour and layout are those of a grid of 96x96
points: on 1000 real photos, its mean luma differs from that of all pixels by 0.2 on average and 4 at most. Sums are sums of whole
numbers, so that every worker computes the same.

A new property is a function here, under `@image_property`, and a row of its name in `flowers_tfx.features.PROPERTIES`; without one of
the two this module cannot be imported. What several properties need is a cached array of `PhotoBatch`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from flowers_tfx import features
from flowers_tfx.data.photo_batch import LEVELS, Floats, PhotoBatch
from flowers_tfx.data.pixel_sample import GRID, PixelSample, sample_pixels

GRAY_TOLERANCE = 8  # channels may differ by this much in a photo without colour: rounding in the encoder

Value: TypeAlias = int | float | str | None
Values: TypeAlias = Any  # a sequence or array with one value per photo; arithmetic loses NumPy's types

# The 8 lowest frequencies of a 32-point DCT-II, in whole numbers: products stay below 2**53, so they are exact on every machine.
_DCT = np.array([[round(4096 * math.cos(math.pi * k * (2 * n + 1) / 64)) for n in range(32)] for k in range(8)], np.float64)

_FUNCTIONS: dict[str, Callable[[PhotoBatch], Values]] = {}


def image_property(function: Callable[[PhotoBatch], Values]) -> Callable[[PhotoBatch], Values]:
    """Makes the function the source of the property that has its name."""
    _FUNCTIONS[function.__name__] = function
    return function


def properties(data: bytes, max_pixels: int) -> dict[str, Value]:
    """Every property of features.PROPERTIES; optional ones can be None, floats have 6 decimals. BadPicture for what is not a photo."""
    return measure([sample_pixels(data, max_pixels)])[0]


def measure(samples: Sequence[PixelSample], names: Sequence[str] = features.PROPERTY_NAMES) -> list[dict[str, Value]]:
    """The properties with these names, of each photo."""
    batch = PhotoBatch(samples)
    columns = [_column(name, batch) for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _column(name: str, batch: PhotoBatch) -> Sequence[Value]:
    values = _FUNCTIONS[name](batch)
    listed: Sequence[Value] = values.tolist() if isinstance(values, np.ndarray) else values
    return [round(value, 6) if isinstance(value, float) else value for value in listed]


def _mean_square(values: npt.NDArray[np.int16]) -> Floats:
    wide = values.astype(np.int32)
    # At most 510**2 each: a photo's sum fits 32 bits without a sign.
    means: Floats = np.einsum("ij,ij->i", wide, wide).view(np.uint32) / GRID**2
    return means


@image_property
def width_px(batch: PhotoBatch) -> Values:
    return [photo.width_px for photo in batch.samples]


@image_property
def height_px(batch: PhotoBatch) -> Values:
    return [photo.height_px for photo in batch.samples]


@image_property
def aspect_ratio(batch: PhotoBatch) -> Values:
    return [photo.width_px / photo.height_px for photo in batch.samples]


@image_property
def file_bytes(batch: PhotoBatch) -> Values:
    return [photo.file_bytes for photo in batch.samples]


@image_property
def bits_per_pixel(batch: PhotoBatch) -> Values:
    return [8 * photo.file_bytes / (photo.width_px * photo.height_px) for photo in batch.samples]


@image_property
def jpeg_quality(batch: PhotoBatch) -> Values:
    return [photo.jpeg_quality for photo in batch.samples]


@image_property
def mean_luma(batch: PhotoBatch) -> Values:
    return batch.luma_mean


@image_property
def rms_contrast(batch: PhotoBatch) -> Values:
    """Standard deviation of the luma (Peli 1990)."""
    squares = batch.luma_histogram @ LEVELS**2 / GRID**2
    return np.sqrt(np.maximum(0.0, squares - batch.luma_mean**2))


@image_property
def luma_entropy(batch: PhotoBatch) -> Values:
    """Shannon entropy of the 256-bin histogram of the luma."""
    shares = batch.luma_histogram / GRID**2
    return np.maximum(0.0, -(shares * np.log2(np.where(shares > 0, shares, 1.0))).sum(axis=1))


@image_property
def saturation(batch: PhotoBatch) -> Values:
    """Mean of HSV's saturation, (max-min)/max over the channels, 0 for black."""
    high, spread = batch.spread
    return np.divide(spread, np.maximum(high, 1), dtype=np.float32).sum(axis=1, dtype=np.float64) / GRID**2


@image_property
def colorfulness(batch: PhotoBatch) -> Values:
    """M3 of Hasler and Suesstrunk, "Measuring colourfulness in natural images", 2003: sigma_rgyb + 0.3 mu_rgyb."""
    (red, green, blue), (mean_r, mean_g, mean_b) = batch.channels, batch.channel_means
    red_green, yellow_blue = mean_r - mean_g, (mean_r + mean_g) / 2 - mean_b
    twice_yellow_blue = np.add(red, green, dtype=np.int16)  # twice, since that is a whole number: R+G-2B
    twice_yellow_blue -= blue
    twice_yellow_blue -= blue
    squares = _mean_square(np.subtract(red, green, dtype=np.int16)) + _mean_square(twice_yellow_blue) / 4
    variance = np.maximum(0.0, squares - red_green**2 - yellow_blue**2)
    return np.sqrt(variance) + 0.3 * np.hypot(red_green, yellow_blue)


@image_property
def mean_red(batch: PhotoBatch) -> Values:
    return batch.channel_means[0]


@image_property
def mean_green(batch: PhotoBatch) -> Values:
    return batch.channel_means[1]


@image_property
def mean_blue(batch: PhotoBatch) -> Values:
    return batch.channel_means[2]


@image_property
def sharpness(batch: PhotoBatch) -> Values:
    """log10(1 + variance of the 4-neighbour Laplacian) (Pech-Pacheco et al. 2000); low for blurred photos."""
    sums = [photo.neighbourhoods for photo in batch.samples]
    return [math.log10(1 + max(0.0, s.laplacian_mean_square - s.laplacian_mean**2)) for s in sums]


@image_property
def noise(batch: PhotoBatch) -> Values:
    """Immerkaer, "Fast noise variance estimation", 1996: sqrt(pi/2)/6 of the mean |[[1,-2,1],[-2,4,-2],[1,-2,1]] * luma|."""
    return [math.sqrt(math.pi / 2) / 6 * photo.neighbourhoods.kernel_mean_abs for photo in batch.samples]


@image_property
def top_bottom_luma(batch: PhotoBatch) -> Values:
    rows = batch.thumbnail.sum(axis=2)
    return (rows[:, :16].sum(axis=1) - rows[:, 16:].sum(axis=1)) / (GRID**2 / 2)


@image_property
def left_right_luma(batch: PhotoBatch) -> Values:
    columns = batch.thumbnail.sum(axis=1)
    return (columns[:, :16].sum(axis=1) - columns[:, 16:].sum(axis=1)) / (GRID**2 / 2)


@image_property
def vertical_gradient_share(batch: PhotoBatch) -> Values:
    """Of the squared central differences of the 32x32 luma, the share from top to bottom; 0.5 for a flat picture."""
    luma = batch.thumbnail
    vertical = ((luma[:, 2:, 1:-1] - luma[:, :-2, 1:-1]) ** 2).sum(axis=(1, 2))
    horizontal = ((luma[:, 1:-1, 2:] - luma[:, 1:-1, :-2]) ** 2).sum(axis=(1, 2))
    both = vertical + horizontal
    return np.where(both > 0, vertical / np.maximum(both, 1.0), 0.5)


@image_property
def grayscale(batch: PhotoBatch) -> Values:
    return (batch.spread[1].max(axis=1) <= GRAY_TOLERANCE).astype(np.int64)


@image_property
def format(batch: PhotoBatch) -> Values:
    return [photo.format for photo in batch.samples]


@image_property
def exif_orientation(batch: PhotoBatch) -> Values:
    return [photo.exif_orientation for photo in batch.samples]


@image_property
def capture_month(batch: PhotoBatch) -> Values:
    """From "YYYY:MM:DD hh:mm:ss"; None for a clock that was never set."""
    return [_month(photo.capture_time) for photo in batch.samples]


def _month(taken: str) -> int | None:
    match = re.match(r"(\d{4})[:\-/.](\d{1,2})[:\-/.]\d", taken) if taken else None
    month = int(match[2]) if match and int(match[1]) > 0 else 0
    return month if 1 <= month <= 12 else None


@image_property
def phash(batch: PhotoBatch) -> Values:
    """DCT hash (Zauner 2010): which of the 8x8 lowest frequencies of the 32x32 luma exceed their median; 16 hex digits."""
    low = (_DCT @ batch.thumbnail @ _DCT.T).reshape(-1, 64)
    ordered = np.sort(low, axis=1)
    bits = 2 * low > ordered[:, 31:32] + ordered[:, 32:33]
    return [row.tobytes().hex() for row in np.packbits(bits, axis=1)]


@image_property
def size_band(batch: PhotoBatch) -> Values:
    return [_band(features.SIZE_BANDS_PX, max(photo.width_px, photo.height_px)) for photo in batch.samples]


@image_property
def light_band(batch: PhotoBatch) -> Values:
    return [_band(features.LIGHT_BANDS, luma) for luma in batch.luma_mean.tolist()]


def _band(bands: tuple[tuple[str, float | None], ...], value: float) -> str:
    """The first band whose upper limit the value does not exceed."""
    return next(name for name, limit in bands if limit is None or value <= limit)


def check_functions(names: Sequence[str] = features.PROPERTY_NAMES) -> None:
    """Raises RuntimeError if a row has no function or a function has no row."""
    if unmatched := sorted(set(names) ^ _FUNCTIONS.keys()):
        raise RuntimeError(
            f"Image properties need a row in features.PROPERTIES and a function in data/properties.py: {', '.join(unmatched)} lack one."
        )


check_functions()
