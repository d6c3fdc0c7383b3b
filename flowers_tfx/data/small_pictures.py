"""Small JPEGs of pictures, for pages."""

from __future__ import annotations

import io

from PIL import Image

_QUALITIES = (75, 60, 45, 30, 15)
_SMALLEST = 16  # px


def small_jpeg(image: Image.Image, side: int, max_bytes: int) -> bytes:
    """A JPEG of at most `max_bytes`, its longer side at most `side` px, without the picture's comment, profile and EXIF data. It gets a
    lower quality, then half the size, until it fits; a picture of 16 px is as large as it is."""
    small = image.copy()
    small.thumbnail((side, side))
    small.info.clear()  # Pillow would copy the comment
    while True:
        for quality in _QUALITIES:
            out = io.BytesIO()
            small.save(out, "JPEG", quality=quality, optimize=True)
            if out.tell() <= max_bytes or max(small.size) <= _SMALLEST:
                return out.getvalue()
        small.thumbnail((max(small.size) // 2, max(small.size) // 2), Image.Resampling.BOX)
