"""The data that properties are computed from: header values, a grid of colours and three sums over neighbourhoods of the luma.

The pixels are read upright, at the first of the sizes 1/1, 1/2, 1/4, ... that has at most `ANALYSIS_PX` pixels: a little more than
a network sees, so that time and memory are bounded and a phone's photo and a thumbnail are measured at a comparable scale. Every byte
of the file is decoded, so a truncated one is detected.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from flowers_tfx.data import pictures

ANALYSIS_PX = 1 << 17
GRID = 3 * 32
# Every n-th row so that about 12,000 pixels are used, and at least every eighth row.
NEIGHBOURHOODS, MAX_ROW_STEP = 12_288, 8

Ints = npt.NDArray[np.int16]

# libjpeg's luminance table at quality 50 (ITU-T T.81, table K.1); only its sum at each quality is needed.
# fmt: off
_K1 = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98,
    112, 100, 103, 99,
)
# fmt: on


def _table_sum(quality: int) -> int:
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return sum(min(255, max(1, (entry * scale + 50) // 100)) for entry in _K1)


_TABLE_SUMS = tuple(_table_sum(quality) for quality in range(100, 0, -1))  # ascending


class Neighbourhoods(NamedTuple):
    """Of the luma at the inner pixels of the sampled rows: moments of the Laplacian, mean magnitude of Immerkaer's kernel."""

    laplacian_mean: float = 0.0
    laplacian_mean_square: float = 0.0
    kernel_mean_abs: float = 0.0


class PixelSample(NamedTuple):
    """A photo as the properties need it. `grid` holds red, green, blue of 96x96 pixels, the nearest to evenly spaced points."""

    width_px: int
    height_px: int
    file_bytes: int
    format: str
    jpeg_quality: int | None
    exif_orientation: int | None
    capture_time: str
    grid: bytes
    neighbourhoods: Neighbourhoods


def sample_pixels(data: bytes, max_pixels: int) -> PixelSample:
    """BadPicture when the photo can't be opened or decoded."""
    picture = pictures.open_picture(data, max_pixels)
    width, height = picture.size
    image = pictures.decode(picture, ANALYSIS_PX)
    return PixelSample(
        width_px=width,
        height_px=height,
        file_bytes=len(data),
        format="PNG" if picture.stored.format == "PNG" else "JPEG",
        jpeg_quality=jpeg_quality(getattr(picture.stored, "quantization", None)),
        exif_orientation=picture.orientation,
        capture_time=pictures.capture_time(picture),
        grid=_rgb_bytes(image.resize((GRID, GRID), Image.Resampling.NEAREST)),
        neighbourhoods=neighbourhoods(image.convert("L")),
    )


def _rgb_bytes(image: Image.Image) -> bytes:
    # convert() would copy an image that is RGB already.
    return (image if image.mode == "RGB" else image.convert("RGB")).tobytes()


def jpeg_quality(tables: dict[int, list[int]] | None) -> int | None:
    """The quality of libjpeg whose luminance table has the nearest sum: exact for libjpeg's own, an equivalent for others."""
    if not tables:
        return None
    total = sum(tables[min(tables)])
    after = min(99, bisect_left(_TABLE_SUMS, total))
    before = max(0, after - 1)
    return 100 - (before if total - _TABLE_SUMS[before] < _TABLE_SUMS[after] - total else after)


def neighbourhoods(luma_image: Image.Image) -> Neighbourhoods:
    """Zeros for pictures below 3x3 pixels. The sums are exact: every worker finds the same."""
    width, height = luma_image.size
    if min(width, height) < 3:
        return Neighbourhoods()
    luma = np.frombuffer(luma_image.tobytes(), np.uint8).reshape(height, width)
    step = min(MAX_ROW_STEP, max(1, width * height // NEIGHBOURHOODS))
    # The rows lie one behind the other in one axis, which NumPy passes fastest. The last two values of a row mix two rows and are left out.
    above, middle, below = (luma[i : height - 2 + i : step].astype(np.int16).ravel() for i in range(3))
    above += below
    vertical = above - 2 * middle
    kernel, laplacian = _second_differences(vertical), _second_differences(middle)
    laplacian[:-2] += vertical[1:-1]
    inner = laplacian.reshape(-1, width)[:, :-2].astype(np.int64).ravel()
    magnitudes = np.abs(kernel, out=kernel).reshape(-1, width)[:, :-2]
    # The magnitudes are below 4096, and at most ANALYSIS_PX: their sum fits 32 bits. einsum, since np.dot may start BLAS's threads.
    return Neighbourhoods(
        int(inner.sum()) / inner.size,
        int(np.einsum("i,i->", inner, inner)) / inner.size,
        int(magnitudes.sum(dtype=np.int32)) / inner.size,
    )


def _second_differences(values: Ints) -> Ints:
    """values[i] - 2 * values[i + 1] + values[i + 2], as long as `values`: the last two mean nothing."""
    out = np.zeros_like(values)
    inner = np.add(values[:-2], values[2:], out=out[:-2])
    inner -= values[1:-1]
    inner -= values[1:-1]
    return out
