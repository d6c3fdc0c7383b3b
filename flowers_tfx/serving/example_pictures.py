"""Pictures to try the page with: drawn flowers, and a drawn thing that is not a flower. They are drawn when they are first asked for."""

from __future__ import annotations

import functools
import io
from math import cos, pi, sin

from PIL import Image, ImageDraw

from flowers_tfx.samples.draw import draw_picture

_SEED = 0
_BICYCLE = "bicycle"
# Of each class one picture that shows it at a glance: the class, the number of the picture, what people call it.
_FLOWERS = (
    ("daisy", 33, "a daisy"),
    ("dandelion", 59, "a dandelion"),
    ("roses", 49, "a rose"),
    ("sunflowers", 52, "a sunflower"),
    ("tulips", 40, "a tulip"),
)
TITLES = (*(f"Drawing of {title}" for *_, title in _FLOWERS), f"Drawing of a {_BICYCLE}")


@functools.cache
def example_picture(number: int) -> bytes:
    """A JPEG file. `number`: an index into TITLES."""
    if number < len(_FLOWERS):
        label, drawing, _ = _FLOWERS[number]
        return draw_picture(label, drawing, _SEED)
    return _draw_bicycle()


def _draw_bicycle() -> bytes:
    """Drawn at twice its size and reduced, for smooth edges."""
    picture = Image.new("RGB", (960, 720), "#cfd8dc")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 520, 960, 720), fill="#8d9499")
    draw.rectangle((0, 512, 960, 526), fill="#b8bec2")
    rear, front, crank, saddle, head = (270, 450), (700, 450), (445, 455), (385, 235), (625, 245)
    for wheel in (rear, front):
        _draw_wheel(draw, wheel, 138)
    red = "#b3261e"
    for start, end in ((rear, crank), (crank, head), (crank, saddle), (saddle, rear), ((397, 275), head), (head, front)):
        draw.line((start, end), fill=red, width=17)
        for x, y in (start, end):
            draw.ellipse((x - 8, y - 8, x + 8, y + 8), fill=red)
    draw.line((head, (605, 180), (560, 165)), fill="#2b2f33", width=14, joint="curve")
    draw.line((saddle, (378, 200)), fill="#2b2f33", width=12)
    draw.rounded_rectangle((325, 180, 430, 206), 13, fill="#2b2f33")
    draw.ellipse((412, 422, 478, 488), outline="#2b2f33", width=10)
    draw.line((crank, (500, 510)), fill="#2b2f33", width=11)
    draw.rounded_rectangle((475, 505, 530, 520), 7, fill="#2b2f33")
    file = io.BytesIO()
    picture.reduce(2).save(file, "JPEG", quality=88)
    return file.getvalue()


def _draw_wheel(draw: ImageDraw.ImageDraw, centre: tuple[int, int], radius: int) -> None:
    x, y = centre
    for spoke in range(0, 24):
        angle = spoke * pi / 12
        draw.line((x, y, x + radius * cos(angle), y + radius * sin(angle)), fill="#6b7278", width=2)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline="#22262a", width=16)
    draw.ellipse((x - 13, y - 13, x + 13, y + 13), fill="#22262a")
