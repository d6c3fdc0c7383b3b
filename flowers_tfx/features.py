"""Keys, kinds, units and ranges of everything that an Example of this pipeline holds.

One row in `PROPERTIES` and one function in `flowers_tfx.data.properties` make a new image property. Ingest, photos.parquet, the curated
schema, the data review, its report, docs/properties.md and the tests follow from this table. Spans that were written before lack the
property until `flowers spans measure` adds it (docs/adr/0010).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

IMAGE = "image"  # the photo's own bytes, JPEG or PNG, exactly as delivered
LABEL = "label"  # class name
URI = "uri"
DIGEST = "digest"  # sha256 of the photo's bytes, hexadecimal
SPAN = "span"  # number of the delivery
EMBEDDING = "embedding"  # of per-photo tables: numbers that the frozen backbone gives a photo; not in an Example

# Features and columns that older spans, tables and schemas have, and nothing reads: `label_int` was the line of the class in the
# labels file of its delivery.
RETIRED = ("label_int",)

SPLITS = ("train", "eval", "test")
EVALUATED_SPLIT = "test"

Kind = Literal["int", "float", "string"]
Role = Literal["number", "category", "identifier"]


@dataclass(frozen=True)
class Property:
    """A row of the table of image properties.

    `title` is its name for people, `meaning` describes what is measured. `low` and `high` bound the values of a sane photo (None: no
    bound), `values` lists those of a category; an `optional` property can be missing. `role` says how it is compared: numbers by their
    distribution, categories by the shares of their values, identifiers not at all. `tested`: the data review tests it for drift.
    `sliced`: the evaluation of a model is reported for each value.
    """

    name: str
    title: str
    kind: Kind
    unit: str
    meaning: str
    low: float | None = None
    high: float | None = None
    optional: bool = False
    values: tuple[str, ...] = ()
    role: Role = "number"
    tested: bool = True
    sliced: bool = False


# Size bands by the longer side, light bands by the mean luma: they slice evaluation (TFMA 0.52 cannot slice by number ranges).
SIZE_BANDS_PX = (("small", 320), ("medium", 1024), ("large", None))
LIGHT_BANDS = (("dark", 85.0), ("normal", 150.0), ("bright", None))

PROPERTIES: tuple[Property, ...] = (
    Property("width_px", "width", "int", "px", "width, upright", 1),
    Property("height_px", "height", "int", "px", "height, upright", 1),
    Property("aspect_ratio", "aspect ratio", "float", "width/height", "shape of the frame, upright", 0.01, 100),
    Property("file_bytes", "file size", "int", "bytes", "size of the file", 1),
    Property("bits_per_pixel", "bits per pixel", "float", "bits/px", "size of the file over the number of pixels", 0),
    Property(
        "jpeg_quality", "JPEG quality", "int", "1-100", "quality setting, computed from the quantisation tables", 1, 100, optional=True
    ),
    Property("mean_luma", "brightness", "float", "0-255", "brightness (Rec. 601 luma)", 0, 255),
    Property("rms_contrast", "contrast", "float", "0-255", "standard deviation of the luma", 0, 128),
    Property("luma_entropy", "tonal variety", "float", "bits", "entropy of the luma histogram", 0, 8),
    Property("saturation", "saturation", "float", "0-1", "mean of (max-min)/max over the channels", 0, 1),
    Property("colorfulness", "colourfulness", "float", "0-255", "Hasler and Suesstrunk's M3", 0, 400),
    Property("mean_red", "red", "float", "0-255", "mean of the red channel", 0, 255),
    Property("mean_green", "green", "float", "0-255", "mean of the green channel", 0, 255),
    Property("mean_blue", "blue", "float", "0-255", "mean of the blue channel", 0, 255),
    Property("sharpness", "sharpness", "float", "log10", "log10(1 + variance of the Laplacian of the luma)", 0, 8),
    Property("noise", "noise", "float", "0-255", "Immerkaer's estimate of the noise's standard deviation", 0, 400),
    Property("top_bottom_luma", "light from above", "float", "-255-255", "luma of the upper half minus that of the lower", -255, 255),
    Property("left_right_luma", "light from the left", "float", "-255-255", "luma of the left half minus that of the right", -255, 255),
    Property(
        "vertical_gradient_share", "vertical structure", "float", "0-1", "share of the gradient's energy that runs from top to bottom", 0, 1
    ),
    Property("grayscale", "black and white", "int", "0 or 1", "1 where the photo has no colour", 0, 1, role="category"),
    Property("format", "file format", "string", "", "file format", values=("JPEG", "PNG"), role="category"),
    Property("exif_orientation", "EXIF orientation", "int", "1-8", "EXIF orientation as delivered", 1, 8, optional=True, role="category"),
    Property("capture_month", "month of capture", "int", "1-12", "month of EXIF DateTimeOriginal", 1, 12, optional=True, role="category"),
    Property(
        "phash", "perceptual hash", "string", "hex", "perceptual hash, 64 bits (DCT of the 32x32 luma)", role="identifier", tested=False
    ),
    Property(
        "size_band",
        "size band",
        "string",
        "",
        "small, medium or large by the longer side",
        values=tuple(name for name, _ in SIZE_BANDS_PX),
        role="category",
        tested=False,
        sliced=True,
    ),
    Property(
        "light_band",
        "light band",
        "string",
        "",
        "dark, normal or bright by the mean luma",
        values=tuple(name for name, _ in LIGHT_BANDS),
        role="category",
        tested=False,
        sliced=True,
    ),
)

PROPERTY_NAMES = tuple(p.name for p in PROPERTIES)
