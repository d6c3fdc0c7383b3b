"""How each class is drawn: one head around the pen's centre; `rng` decides on colour and shape."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from flowers_tfx.samples.asters import draw_daisy, draw_dandelion, draw_sunflower
from flowers_tfx.samples.cups import draw_rose, draw_tulip
from flowers_tfx.samples.pen import Pen

DRAW: dict[str, Callable[[Pen, Random], None]] = {
    "daisy": draw_daisy,
    "dandelion": draw_dandelion,
    "roses": draw_rose,
    "sunflowers": draw_sunflower,
    "tulips": draw_tulip,
}
