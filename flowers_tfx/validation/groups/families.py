"""Properties that change together, with words for a change: what a story is told with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """`lower` and `higher`: how photos with such values are called; `family`: properties that measure nearly the same; `cause`: what
    changes them together, a key of `CAUSES`."""

    feature: str
    lower: str
    higher: str
    family: str
    cause: str


# In the order of a sentence. The first property of a family that has changed stands for it.
CHANGES = (
    Change("longer side", "smaller", "larger", "size", "export"),
    Change("pixels", "smaller", "larger", "size", "export"),
    Change("width_px", "smaller", "larger", "size", "export"),
    Change("height_px", "smaller", "larger", "size", "export"),
    Change("jpeg_quality", "harder compressed", "less compressed", "compression", "export"),
    Change("bits_per_pixel", "harder compressed", "less compressed", "compression", "export"),
    Change("file_bytes", "smaller files", "larger files", "file", "export"),
    Change("aspect_ratio", "taller in shape", "wider in shape", "shape", "export"),
    Change("mean_luma", "darker", "brighter", "light", "light"),
    Change("rms_contrast", "lower in contrast", "higher in contrast", "contrast", "light"),
    Change("luma_entropy", "poorer in tones", "richer in tones", "contrast", "light"),
    Change("colorfulness", "less colourful", "more colourful", "colour", "colour"),
    Change("saturation", "paler", "more saturated", "colour", "colour"),
    Change("red-green balance", "greener", "redder", "tint", "colour"),
    Change("yellow-blue balance", "bluer", "yellower", "tint", "colour"),
    Change("red-blue balance", "bluer", "redder", "tint", "colour"),
    Change("mean_red", "less red", "redder", "tint", "colour"),
    Change("mean_green", "less green", "greener", "tint", "colour"),
    Change("mean_blue", "less blue", "bluer", "tint", "colour"),
    Change("sharpness", "less sharp", "sharper", "detail", "lens"),
    Change("noise", "smoother", "noisier", "noise", "lens"),
    Change("top_bottom_luma", "darker at the top", "brighter at the top", "top", "layout"),
    Change("left_right_luma", "darker on the left", "brighter on the left", "side", "layout"),
    Change("vertical_gradient_share", "less upright in structure", "more upright in structure", "structure", "layout"),
)
BY_FEATURE = {change.feature: change for change in CHANGES}
CAUSES = {
    "export": "another export",
    "light": "other light or exposure",
    "colour": "other colours or white balance",
    "lens": "another lens, focus or filter",
    "layout": "turned or framed in another way",
    "content": "other subjects",
    "label": "other labels",
}
COLOURS = ("colour", "tint")  # families
SEVERAL_CAUSES = "another source"
SQUARE = "square"
_SQUARE_WITHIN = 0.01


def adjective(change: Change, median: float, is_higher: bool) -> str:
    """How photos with this median are called beside the baseline's."""
    if change.feature == "aspect_ratio" and abs(median - 1) <= _SQUARE_WITHIN:
        return SQUARE
    return change.higher if is_higher else change.lower
