"""A map of evidence as a picture: colours over the photo, and outlines of the regions that matter. NumPy and Pillow only.

The photo below is gray, so that a colour always means evidence. The colours go from dark violet to bright yellow: their lightness grows all
the way, so that people who are colour-blind, and a printer without colours, show the same order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from flowers_tfx.explain.explanation import Region
from flowers_tfx.explain.model_function import Floats, Pictures

# From the least evidence to the most, evenly spaced.
COLOURS = ((44, 10, 120), (130, 20, 150), (200, 60, 110), (240, 125, 50), (252, 190, 40), (250, 250, 90))
_OPAQUE, _OPAQUE_FROM = 0.85, 0.3  # the colour covers so much of the photo, from this strength on
_DIMMED = 0.75  # of the photo's lightness is left below the colours
_FULL_STRENGTH = 99.5  # percentile of a map that gets the last colour: one extreme pixel does not fade all others
_LINE, _CASING = (255, 255, 255), (0, 0, 0)


def heat_map(picture: Pictures | Image.Image, evidence: Floats, regions: Sequence[Region] = ()) -> Image.Image:
    """An RGB image of the picture's size with the positive part of the map, float32 [h, w], over it; transparent where there is none. The
    map has the geometry of the picture and is stretched to its size. `regions` are outlined and numbered."""
    photo = _as_image(picture)
    gray = np.asarray(photo.convert("L"), np.float32)[..., np.newaxis] * _DIMMED
    colours, opacity = _colours(resize_map(strength_of(evidence), photo.size))
    image = Image.fromarray(np.rint(gray + (colours - gray) * opacity[..., np.newaxis]).astype(np.uint8), "RGB")
    return outline(image, regions) if regions else image


def overlay(evidence: Floats, size: tuple[int, int]) -> Image.Image:
    """The colours of `heat_map` alone, an RGBA image of this width and height that is transparent where there is no evidence: to be laid
    over a gray photo."""
    colours, opacity = _colours(resize_map(strength_of(evidence), size))
    return Image.fromarray(np.rint(np.dstack([colours, 255 * opacity])).astype(np.uint8), "RGBA")


def strength_of(evidence: Floats) -> Floats:
    """The positive part of a map on a scale from 0 to 1; all 0 where nothing is positive."""
    positive = np.maximum(evidence, 0)
    top = float(np.percentile(positive, _FULL_STRENGTH)) or float(positive.max())
    return np.clip(positive / top, 0, 1).astype(np.float32) if top > 0 else np.zeros_like(positive, np.float32)


def resize_map(values: Floats, size: tuple[int, int]) -> Floats:
    """float32 [height, width] for a size of (width, height), by bilinear interpolation."""
    image = Image.fromarray(np.ascontiguousarray(values, np.float32))
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR))


def outline(picture: Pictures | Image.Image, regions: Sequence[Region]) -> Image.Image:
    """A copy of the picture with a numbered box around each region, in white with a black edge: seen on any photo."""
    image = _as_image(picture).copy()
    draw = ImageDraw.Draw(image)
    unit = max(1, round(max(image.size) / 320))
    # The first region is the most important one: it is drawn last, on top of the others.
    for number, region in reversed(list(enumerate(regions, 1))):
        x0, y0, x1, y1 = (round(share * side) for share, side in zip(region.box, 2 * image.size, strict=True))
        box = (x0, y0, max(x1 - 1, x0), max(y1 - 1, y0))
        draw.rectangle(box, outline=_CASING, width=3 * unit)
        inner = (box[0] + unit, box[1] + unit, box[2] - unit, box[3] - unit)
        if inner[0] <= inner[2] and inner[1] <= inner[3]:
            draw.rectangle(inner, outline=_LINE, width=unit)
        _draw_number(draw, str(number), box[:2], image.size)
    return image


def _draw_number(draw: ImageDraw.ImageDraw, text: str, corner: tuple[int, int], size: tuple[int, int]) -> None:
    """On a black tag in the corner of the box, inside the picture."""
    height = max(9, round(max(size) / 24))
    font = ImageFont.load_default(height)
    width = round(draw.textlength(text, font)) + height // 2
    x, y = min(corner[0], size[0] - width), min(corner[1], size[1] - height - height // 4)
    draw.rectangle((x, y, x + width, y + height + height // 4), fill=_CASING)
    draw.text((x + width / 2, y + (height + height // 4) / 2), text, fill=_LINE, font=font, anchor="mm")


def colour_scale(width: int, height: int) -> Image.Image:
    """The legend: from no evidence at the left to the most at the right, as the colours look over a gray of medium lightness."""
    return heat_map(np.full((height, width, 3), 128, np.uint8), np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1)))


def _colours(strength: Floats) -> tuple[Floats, Floats]:
    """Colours, float32 [..., 3], 0 to 255, and how much each covers, float32 [...], 0 to 1."""
    stops = np.linspace(0, 1, len(COLOURS))
    channels = [np.interp(strength, stops, channel) for channel in zip(*COLOURS, strict=True)]
    return np.stack(channels, axis=-1).astype(np.float32), _OPAQUE * np.clip(strength / _OPAQUE_FROM, 0, 1)


def _as_image(picture: Pictures | Image.Image) -> Image.Image:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    return image if image.mode == "RGB" else image.convert("RGB")
