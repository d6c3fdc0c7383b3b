"""Colours by the words that people have for them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from flowers_tfx.explain.model_function import Pictures

# The hue, in degrees, where each of these ends.
_HUES = ((15, "red"), (42, "orange"), (68, "yellow"), (165, "green"), (255, "blue"), (285, "purple"), (340, "pink"), (361, "red"))
_GRAYS = ("black", "gray", "white")
NAMES = (*_GRAYS, "brown", *dict.fromkeys(name for _, name in _HUES), "magenta")
_POSITIONS = np.array([NAMES.index(name) for _, name in _HUES])
_ENDS = np.array([end for end, _ in _HUES])

# On scales from 0 to 1: value is the largest of the three channels, saturation the range of the channels over it.
_GRAY_SATURATION, _BLACK, _WHITE = 0.18, 0.22, 0.72
_DARK = 0.62  # orange below this value is brown
_PALE_RED = 0.55  # saturation below which a light red is pink
_VIVID = 0.75  # pink above this saturation is magenta


def name_colours(pixels: Pictures) -> npt.NDArray[np.int64]:
    """Positions in NAMES, int64 [...], of colours uint8 [..., 3]."""
    channels = pixels.astype(np.float32) / 255
    value, low = channels.max(axis=-1), channels.min(axis=-1)
    span = value - low
    saturation = span / np.maximum(value, 1e-6)
    names = _POSITIONS[np.searchsorted(_ENDS, _hue(channels, value, span), side="right")]
    orange, red, pink = (names == NAMES.index(name) for name in ("orange", "red", "pink"))
    names = np.where(orange & (value < _DARK), NAMES.index("brown"), names)
    names = np.where(red & (saturation < _PALE_RED) & (value > _DARK), NAMES.index("pink"), names)
    names = np.where(pink & (saturation > _VIVID), NAMES.index("magenta"), names)
    grays = np.select([value < _BLACK, value > _WHITE], [NAMES.index("black"), NAMES.index("white")], NAMES.index("gray"))
    return np.where((saturation < _GRAY_SATURATION) | (value < _BLACK), grays, names)


def colour_shares(pixels: Pictures) -> npt.NDArray[np.float64]:
    """float64 [colours], in the order of NAMES: the share of the pixels, uint8 [..., 3], that have each colour."""
    names = name_colours(pixels).ravel()
    return np.bincount(names, minlength=len(NAMES)) / max(len(names), 1)


def _hue(channels: npt.NDArray[np.float32], value: npt.NDArray[np.float32], span: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Degrees, 0 to 360; 0 for grays."""
    red, green, blue = np.moveaxis(channels, -1, 0)
    divisor = np.where(span > 0, span, 1)
    by_green = 120 + 60 * (blue - red) / divisor
    by_blue = 240 + 60 * (red - green) / divisor
    by_red = 60 * (green - blue) / divisor % 360
    hue: npt.NDArray[np.float32] = np.where(value == red, by_red, np.where(value == green, by_green, by_blue))
    return np.where(span > 0, hue, 0).astype(np.float32)
