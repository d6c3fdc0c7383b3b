"""The image properties: one function each, over a view of the photo that computes shared arrays once.

Sizes, `format`, EXIF and quantisation tables come from the header. Everything else is measured on the upright pixels at the first of
the sizes 1/1, 1/2, 1/4, ... that has at most `ANALYSIS_PX` pixels: photos up to a megapixel are measured as they are, and time and
memory are bounded. Of those pixels, tone, colour and layout use a grid of 96x96 points (mean luma differs by 0.2 from that of all
pixels, 4 at most, on 1000 real photos), sharpness and noise the neighbourhoods of the pixels of every n-th row: all pixels would say
the same, and cost more than decoding the photo. Sums are sums of integers, so that every worker finds the same numbers.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Callable
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from flowers_tfx import features
from flowers_tfx.data import pictures

ANALYSIS_PX = 1 << 20
GRID = 3 * 32
# Every n-th row such that some 12,000 pixels are looked at, and at least every eighth row.
NEIGHBOURHOODS, MAX_ROW_STEP = 12_288, 8
GRAY_TOLERANCE = 8  # channels may differ by this much in a photo without colour: rounding in the encoder

Value: TypeAlias = int | float | str | None
Ints = npt.NDArray[np.int16]
Grid = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]

_LEVELS = np.arange(256, dtype=np.float64)
_SQUARES = _LEVELS**2

# libjpeg's luminance table at quality 50 (ITU-T T.81, table K.1); only its sum at each quality is needed.
# fmt: off
_K1 = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)
# fmt: on


def _table_sum(quality: int) -> int:
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return sum(min(255, max(1, (entry * scale + 50) // 100)) for entry in _K1)


_TABLE_SUMS = tuple(_table_sum(quality) for quality in range(100, 0, -1))  # ascending

# The 8 lowest frequencies of a 32-point DCT-II, in whole numbers: products stay below 2**53, so they are exact on every machine.
_DCT = np.array(
    [[round(4096 * math.cos(math.pi * k * (2 * n + 1) / 64)) for n in range(32)] for k in range(8)], dtype=np.float64
)


class View:
    """A photo and what several properties share. BadPicture when it can't be opened; pixels are decoded when first asked for."""

    def __init__(self, data: bytes, max_pixels: int) -> None:
        self.data = data
        self.picture = pictures.open_picture(data, max_pixels)
        self.format = "PNG" if self.picture.format == "PNG" else "JPEG"
        self.orientation = pictures.orientation(self.picture)
        width, height = self.picture.size
        self.width, self.height = (height, width) if (self.orientation or 1) >= 5 else (width, height)

    @cached_property
    def image(self) -> Image.Image:
        return pictures.decode(self.picture, ANALYSIS_PX)

    @cached_property
    def channels(self) -> Grid:
        """Red, green and blue at the pixels nearest to 96x96 evenly spaced points, whatever the shape of the frame: 3x9216."""
        grid = self.image.resize((GRID, GRID), Image.Resampling.NEAREST)
        flat = np.frombuffer(grid.tobytes(), np.uint8)
        planes = np.broadcast_to(flat, (3, GRID**2)) if grid.mode == "L" else flat.reshape(-1, 3).T
        return np.ascontiguousarray(planes).astype(np.int32)

    @cached_property
    def channel_means(self) -> list[float]:
        return [total / GRID**2 for total in self.channels.sum(axis=1, dtype=np.int32).tolist()]

    @cached_property
    def luma(self) -> Grid:
        """Rec. 601 luma at the points of the grid, rounded as Pillow does."""
        red, green, blue = self.channels
        return (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16

    @cached_property
    def luma_histogram(self) -> Floats:
        return np.bincount(self.luma, minlength=256).astype(np.float64)

    @cached_property
    def luma_moments(self) -> tuple[float, float]:
        """Mean and variance."""
        mean = float(self.luma_histogram @ _LEVELS) / GRID**2
        return mean, max(0.0, float(self.luma_histogram @ _SQUARES) / GRID**2 - mean * mean)

    @cached_property
    def thumbnail(self) -> Floats:
        """The luma averaged to 32x32."""
        rows = self.luma.reshape(GRID, GRID)
        rows = rows[::3] + rows[1::3] + rows[2::3]
        return (rows[:, ::3] + rows[:, 1::3] + rows[:, 2::3]) / 9

    @cached_property
    def spread(self) -> tuple[Grid, Grid]:
        """Per point of the grid: the largest channel, and how far the smallest lies below it."""
        red, green, blue = self.channels
        high = np.maximum(np.maximum(red, green), blue)
        return high, high - np.minimum(np.minimum(red, green), blue)

    @cached_property
    def second_differences(self) -> tuple[Ints, Ints] | None:
        """Laplacian and Immerkaer's kernel of the luma at the inner pixels of the sampled rows; None below 3x3 pixels."""
        width, height = self.image.size
        if min(width, height) < 3:
            return None
        luma = np.frombuffer(self.image.convert("L").tobytes(), np.uint8).reshape(height, width)
        step = min(MAX_ROW_STEP, max(1, width * height // NEIGHBOURHOODS))
        above, middle, below = (luma[i : height - 2 + i : step].astype(np.int16) for i in range(3))
        vertical = above + below
        vertical -= middle << 1
        kernel = vertical[:, :-2] + vertical[:, 2:]
        kernel -= vertical[:, 1:-1] << 1
        laplacian = middle[:, :-2] + middle[:, 2:]
        laplacian -= middle[:, 1:-1] << 1
        laplacian += vertical[:, 1:-1]
        return laplacian, kernel


_FUNCTIONS: dict[str, Callable[[View], Value]] = {}


def image_property(function: Callable[[View], Value]) -> Callable[[View], Value]:
    """Makes the function the source of the property that has its name."""
    _FUNCTIONS[function.__name__] = function
    return function


def properties(data: bytes, max_pixels: int) -> dict[str, Value]:
    """Every property of features.PROPERTIES; optional ones can be None, floats have 6 decimals. BadPicture when it is none."""
    view = View(data, max_pixels)
    found = {name: _FUNCTIONS[name](view) for name in features.PROPERTY_NAMES}
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in found.items()}


def implemented() -> frozenset[str]:
    return frozenset(_FUNCTIONS)


def _mean_square(values: Ints | Grid) -> float:
    wide = values.astype(np.int64).ravel()
    return int(np.dot(wide, wide)) / wide.size


@image_property
def width_px(view: View) -> int:
    return view.width


@image_property
def height_px(view: View) -> int:
    return view.height


@image_property
def aspect_ratio(view: View) -> float:
    return view.width / view.height


@image_property
def file_bytes(view: View) -> int:
    return len(view.data)


@image_property
def bits_per_pixel(view: View) -> float:
    return 8 * len(view.data) / (view.width * view.height)


@image_property
def jpeg_quality(view: View) -> int | None:
    """The quality of libjpeg whose luminance table has the nearest sum: exact for libjpeg's own, an equivalent for others."""
    tables = getattr(view.picture, "quantization", None)
    if not tables:
        return None
    total = sum(tables[min(tables)])
    after = min(99, bisect_left(_TABLE_SUMS, total))
    before = max(0, after - 1)
    return 100 - (before if total - _TABLE_SUMS[before] < _TABLE_SUMS[after] - total else after)


@image_property
def mean_luma(view: View) -> float:
    return view.luma_moments[0]


@image_property
def rms_contrast(view: View) -> float:
    """Standard deviation of the luma (Peli 1990)."""
    return math.sqrt(view.luma_moments[1])


@image_property
def luma_entropy(view: View) -> float:
    """Shannon entropy of the 256-bin histogram of the luma."""
    shares = view.luma_histogram[view.luma_histogram > 0] / GRID**2
    return max(0.0, -float((shares * np.log2(shares)).sum()))


@image_property
def saturation(view: View) -> float:
    """Mean of HSV's saturation, (max-min)/max over the channels, 0 for black."""
    high, spread = view.spread
    return float((spread / np.maximum(high, 1)).sum()) / GRID**2


@image_property
def colorfulness(view: View) -> float:
    """M3 of Hasler and Suesstrunk, "Measuring colourfulness in natural images", 2003: sigma_rgyb + 0.3 mu_rgyb."""
    (red, green, blue), (mean_r, mean_g, mean_b) = view.channels, view.channel_means
    red_green, yellow_blue = mean_r - mean_g, (mean_r + mean_g) / 2 - mean_b
    # Twice yellow-blue, R+G-2B, is a whole number.
    squares = _mean_square(red - green) + _mean_square(red + green - (blue << 1)) / 4
    variance = max(0.0, squares - red_green**2 - yellow_blue**2)
    return math.sqrt(variance) + 0.3 * math.hypot(red_green, yellow_blue)


@image_property
def mean_red(view: View) -> float:
    return view.channel_means[0]


@image_property
def mean_green(view: View) -> float:
    return view.channel_means[1]


@image_property
def mean_blue(view: View) -> float:
    return view.channel_means[2]


@image_property
def sharpness(view: View) -> float:
    """log10(1 + variance of the 4-neighbour Laplacian) (Pech-Pacheco et al. 2000); low for blurred photos."""
    if view.second_differences is None:
        return 0.0
    laplacian = view.second_differences[0]
    mean = int(laplacian.sum(dtype=np.int64)) / laplacian.size
    return math.log10(1 + max(0.0, _mean_square(laplacian) - mean * mean))


@image_property
def noise(view: View) -> float:
    """Immerkaer, "Fast noise variance estimation", 1996: sqrt(pi/2)/6 of the mean |[[1,-2,1],[-2,4,-2],[1,-2,1]] * luma|."""
    if view.second_differences is None:
        return 0.0
    kernel = view.second_differences[1]
    return math.sqrt(math.pi / 2) / 6 * int(np.abs(kernel).sum(dtype=np.int64)) / kernel.size


@image_property
def top_bottom_luma(view: View) -> float:
    return float(view.thumbnail[:16].sum() - view.thumbnail[16:].sum()) / 512


@image_property
def left_right_luma(view: View) -> float:
    return float(view.thumbnail[:, :16].sum() - view.thumbnail[:, 16:].sum()) / 512


@image_property
def vertical_gradient_share(view: View) -> float:
    """Of the squared central differences of the 32x32 luma, the share from top to bottom; 0.5 for a flat picture."""
    luma = view.thumbnail
    vertical = float(((luma[2:, 1:-1] - luma[:-2, 1:-1]) ** 2).sum())
    horizontal = float(((luma[1:-1, 2:] - luma[1:-1, :-2]) ** 2).sum())
    return vertical / (vertical + horizontal) if vertical + horizontal else 0.5


@image_property
def grayscale(view: View) -> int:
    return int(view.image.mode == "L" or int(view.spread[1].max()) <= GRAY_TOLERANCE)


@image_property
def format(view: View) -> str:
    return view.format


@image_property
def exif_orientation(view: View) -> int | None:
    return view.orientation


@image_property
def capture_month(view: View) -> int | None:
    """From "YYYY:MM:DD hh:mm:ss"; None for a clock that was never set."""
    taken = pictures.capture_time(view.picture)
    match = re.match(r"(\d{4})[:\-/.](\d{1,2})[:\-/.]\d", taken)
    month = int(match[2]) if match and int(match[1]) > 0 else 0
    return month if 1 <= month <= 12 else None


@image_property
def phash(view: View) -> str:
    """DCT hash (Zauner 2010): which of the 8x8 lowest frequencies of the 32x32 luma exceed their median; 16 hex digits."""
    low = (_DCT @ view.thumbnail @ _DCT.T).ravel()
    ordered = np.sort(low)
    return np.packbits(2 * low > ordered[31] + ordered[32]).tobytes().hex()


@image_property
def size_band(view: View) -> str:
    return _band(features.SIZE_BANDS_PX, max(view.width, view.height))


@image_property
def light_band(view: View) -> str:
    return _band(features.LIGHT_BANDS, view.luma_moments[0])


def _band(bands: tuple[tuple[str, float | None], ...], value: float) -> str:
    """The first band whose upper limit the value does not exceed."""
    return next(name for name, limit in bands if limit is None or value <= limit)
