"""The image properties: one function each, over a view of the photo that computes shared arrays once.

Sizes, `format`, EXIF and quantisation tables come from the header. Everything else is measured on the upright pixels at the first of
the sizes 1/1, 1/2, 1/4, ... that has at most `ANALYSIS_PX` pixels: photos up to a megapixel are measured as they are, and time and
memory are bounded. Of those pixels, tone, colour and layout use a grid of 128x128 points, sharpness and noise the neighbourhoods of
every pixel in every fourth row: more points say the same and cost more than decoding the photo. Sums are sums of integers, so that
every worker finds the same numbers.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Callable
from functools import cached_property

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from flowers_tfx import features
from flowers_tfx.data import pictures

ANALYSIS_PX = 1 << 20
GRID = 128
ROW_STEP = 4
GRAY_TOLERANCE = 8  # channels may differ by this much in a photo without colour: rounding in the encoder

Value = int | float | str | None
Ints = npt.NDArray[np.int16]

# libjpeg's luminance table at quality 50 (ITU-T T.81, table K.1); only its sum at each quality is needed.
_K1 = (
    16,
    11,
    10,
    16,
    24,
    40,
    51,
    61,
    12,
    12,
    14,
    19,
    26,
    58,
    60,
    55,
    14,
    13,
    16,
    24,
    40,
    57,
    69,
    56,
    14,
    17,
    22,
    29,
    51,
    87,
    80,
    62,
)
_K1 += (
    18,
    22,
    37,
    56,
    68,
    109,
    103,
    77,
    24,
    35,
    55,
    64,
    81,
    104,
    113,
    92,
    49,
    64,
    78,
    87,
    103,
    121,
    120,
    101,
    72,
    92,
    95,
    98,
    112,
)
_K1 += (100, 103, 99)


def _table_sum(quality: int) -> int:
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return sum(min(255, max(1, (entry * scale + 50) // 100)) for entry in _K1)


_TABLE_SUMS = tuple(_table_sum(quality) for quality in range(100, 0, -1))  # ascending

# The 8 lowest frequencies of a 32-point DCT-II, in integers: exact on every machine.
_DCT = np.array(
    [[round(4096 * math.cos(math.pi * k * (2 * n + 1) / 64)) for n in range(32)] for k in range(8)], dtype=np.int64
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
    def grid(self) -> Image.Image:
        """The pixels nearest to 128x128 evenly spaced points, whatever the shape of the frame."""
        return self.image.resize((GRID, GRID), Image.Resampling.NEAREST)

    @cached_property
    def grid_luma(self) -> Image.Image:
        return self.grid.convert("L")

    @cached_property
    def luma_histogram(self) -> npt.NDArray[np.int64]:
        return np.array(self.grid_luma.histogram(), dtype=np.int64)

    @cached_property
    def thumbnail(self) -> npt.NDArray[np.int64]:
        """The luma averaged to 32x32."""
        return np.asarray(self.grid_luma.reduce(GRID // 32)).astype(np.int64)

    @cached_property
    def channels(self) -> tuple[Ints, Ints, Ints]:
        """Red, green and blue of the grid."""
        if self.grid.mode == "L":
            gray = np.asarray(self.grid).astype(np.int16)
            return gray, gray, gray
        planes = np.ascontiguousarray(np.asarray(self.grid).reshape(-1, 3).T).astype(np.int16)
        return planes[0], planes[1], planes[2]

    @cached_property
    def spread(self) -> tuple[Ints, Ints]:
        """Per point of the grid: the largest channel, and how far the smallest lies below it."""
        red, green, blue = self.channels
        high = np.maximum(np.maximum(red, green), blue)
        return high, high - np.minimum(np.minimum(red, green), blue)

    @cached_property
    def second_differences(self) -> tuple[Ints, Ints] | None:
        """Laplacian and Immerkaer's kernel of the luma at the inner pixels of the sampled rows; None below 3x3 pixels."""
        luma = np.asarray(self.image.convert("L")).astype(np.int16)
        if min(luma.shape) < 3:
            return None
        below = luma[2::ROW_STEP]
        above, middle = luma[:-2:ROW_STEP], luma[1:-1:ROW_STEP]
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


def _moments(values: npt.NDArray[np.int16]) -> tuple[float, float]:
    """Mean and variance from exact sums."""
    flat = values.ravel()
    mean = int(flat.sum(dtype=np.int64)) / flat.size
    wide = flat.astype(np.float64)
    # einsum and not a dot product: BLAS would start threads, and the sum of whole numbers is exact in any order.
    return mean, max(0.0, float(np.einsum("i,i->", wide, wide)) / flat.size - mean * mean)


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
    after = bisect_left(_TABLE_SUMS, total)
    nearest = min((i for i in (after - 1, after) if 0 <= i < 100), key=lambda i: abs(_TABLE_SUMS[i] - total))
    return 100 - nearest


@image_property
def mean_luma(view: View) -> float:
    histogram = view.luma_histogram
    return int(histogram @ np.arange(256)) / int(histogram.sum())


@image_property
def rms_contrast(view: View) -> float:
    """Standard deviation of the luma (Peli 1990)."""
    histogram, levels = view.luma_histogram, np.arange(256)
    total = int(histogram.sum())
    mean = int(histogram @ levels) / total
    return math.sqrt(max(0.0, int(histogram @ (levels * levels)) / total - mean * mean))


@image_property
def luma_entropy(view: View) -> float:
    """Shannon entropy of the 256-bin histogram of the luma."""
    total = GRID * GRID
    shares = view.luma_histogram[view.luma_histogram > 0] / total
    return max(0.0, -float((shares * np.log2(shares)).sum()))


@image_property
def saturation(view: View) -> float:
    """Mean of HSV's saturation, (max-min)/max over the channels, 0 for black."""
    high, spread = view.spread
    return float(np.mean(spread / np.maximum(high, 1)))


@image_property
def colorfulness(view: View) -> float:
    """M3 of Hasler and Suesstrunk, "Measuring colourfulness in natural images", 2003: sigma_rgyb + 0.3 mu_rgyb."""
    red, green, blue = view.channels
    red_green, red_green_var = _moments(red - green)
    # Twice yellow-blue, (R+G)/2 - B, stays an integer.
    twice, twice_var = _moments(red + green - 2 * blue)
    return math.sqrt(red_green_var + twice_var / 4) + 0.3 * math.hypot(red_green, twice / 2)


@image_property
def mean_red(view: View) -> float:
    return _mean(view.channels[0])


@image_property
def mean_green(view: View) -> float:
    return _mean(view.channels[1])


@image_property
def mean_blue(view: View) -> float:
    return _mean(view.channels[2])


def _mean(values: Ints) -> float:
    return int(values.sum(dtype=np.int64)) / values.size


@image_property
def sharpness(view: View) -> float:
    """log10(1 + variance of the 4-neighbour Laplacian) (Pech-Pacheco et al. 2000); low for blurred photos."""
    if view.second_differences is None:
        return 0.0
    return math.log10(1 + _moments(view.second_differences[0])[1])


@image_property
def noise(view: View) -> float:
    """Immerkaer, "Fast noise variance estimation", 1996: sqrt(pi/2)/6 of the mean |[[1,-2,1],[-2,4,-2],[1,-2,1]] * luma|."""
    if view.second_differences is None:
        return 0.0
    kernel = view.second_differences[1]
    return math.sqrt(math.pi / 2) / 6 * int(np.abs(kernel).sum(dtype=np.int64)) / kernel.size


@image_property
def top_bottom_luma(view: View) -> float:
    return int(view.thumbnail[:16].sum() - view.thumbnail[16:].sum()) / 512


@image_property
def left_right_luma(view: View) -> float:
    return int(view.thumbnail[:, :16].sum() - view.thumbnail[:, 16:].sum()) / 512


@image_property
def vertical_gradient_share(view: View) -> float:
    """Of the squared central differences of the 32x32 luma, the share from top to bottom; 0.5 for a flat picture."""
    luma = view.thumbnail
    vertical = int(((luma[2:, 1:-1] - luma[:-2, 1:-1]) ** 2).sum())
    horizontal = int(((luma[1:-1, 2:] - luma[1:-1, :-2]) ** 2).sum())
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
    try:
        taken = pictures.exif(view.picture).get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal)
    except pictures.DAMAGE:
        return None
    match = re.match(r"(\d{4})[:\-/.](\d{1,2})[:\-/.]\d", taken) if isinstance(taken, str) else None
    month = int(match[2]) if match and int(match[1]) > 0 else 0
    return month if 1 <= month <= 12 else None


@image_property
def phash(view: View) -> str:
    """DCT hash (Zauner 2010): which of the 8x8 lowest frequencies of the 32x32 luma exceed their median; 16 hex digits."""
    low = (_DCT @ view.thumbnail @ _DCT.T).ravel()
    ordered = np.sort(low)
    bits = 2 * low > ordered[31] + ordered[32]
    return np.packbits(bits).tobytes().hex()


@image_property
def size_band(view: View) -> str:
    return _band(features.SIZE_BANDS_PX, max(view.width, view.height))


@image_property
def light_band(view: View) -> str:
    return _band(features.LIGHT_BANDS, mean_luma(view))  # type: ignore[arg-type]


def _band(bands: tuple[tuple[str, float | None], ...], value: float) -> str:
    """The first band whose upper limit the value does not exceed."""
    return next(name for name, limit in bands if limit is None or value <= limit)
