"""Opening pictures from outside: judged by their bytes, bounded before any pixel is decoded, refused with a plain reason."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image, ImageChops
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from flowers_tfx.data import file_headers, png_checks

# A 16-bit RGBA photo takes 8 bytes a pixel without any compression: no file needs more than that.
MAX_BYTES_PER_PIXEL = 8
HEADER_BYTES = 1 << 20
MAX_SIDE = 1_000_000  # px: TensorFlow's PNG decoder refuses more
MAX_FILE_BYTES = 1 << 27  # with the pixels and a copy in the Example, this keeps a worker under 2 GiB


# How other formats begin, so that the reason can name them: (offset, magic, name).
_OTHER_FORMATS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"GIF8", "GIF"),
    (8, b"WEBP", "WebP"),
    (0, b"BM", "BMP"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (4, b"ftypheic", "HEIC"),
    (4, b"ftypmif1", "HEIC"),
    (4, b"ftypavif", "AVIF"),
    (0, b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"8BPS", "PSD"),
    (0, b"%PDF", "PDF"),
)
# What Pillow raises on damaged files, besides its own UnidentifiedImageError (an OSError).
DAMAGE = (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, struct.error, zlib.error)

TRANSPOSE = {  # by EXIF orientation: what turns the stored pixels upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class BadPicture(Exception):
    """The file is not a picture that the pipeline accepts; `str(error)` is the reason, for the people who delivered the file."""


class TooLarge(BadPicture):
    """It has too many pixels or bytes."""


class UnsupportedKind(BadPicture):
    """A picture of another format, or of a kind of JPEG or PNG that is not taken."""


@dataclass(frozen=True)
class Picture:
    """A picture file with its header read: `stored` decodes its pixels, which `orientation` (EXIF, 1 to 8, or None) turns upright."""

    stored: JpegImageFile | PngImageFile
    orientation: int | None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright picture, px."""
        width, height = self.stored.size
        return (width, height) if (self.orientation or 1) < 5 else (height, width)


def open_picture(data: bytes, max_pixels: int | None) -> Picture:
    """The picture with its header read and no pixel decoded. BadPicture unless it is a JPEG or PNG of at most `max_pixels`; None: of any
    number, for photos that an ingest has let in."""
    if not data:
        raise BadPicture("empty file")
    # Pillow's own Image.open() would look at every format it knows, and warn about large pictures.
    opener: type[JpegImageFile] | type[PngImageFile]
    if data.startswith(file_headers.JPEG):
        opener = JpegImageFile
        if reason := file_headers.unsupported_coding(data):
            raise BadPicture(reason) if reason.startswith("truncated") else UnsupportedKind(reason)
    elif data.startswith(file_headers.PNG):
        opener = PngImageFile
    else:
        raise _not_supported(data)
    try:
        picture = opener(io.BytesIO(data))
    except DAMAGE as error:
        raise BadPicture(f"truncated or damaged: {_reason(error)}") from error
    width, height = picture.size
    if max_pixels is not None and width * height > max_pixels:
        raise TooLarge(f"{width}x{height} is {_mega(width * height)} megapixels, the limit is {_mega(max_pixels)}")
    if max(width, height) > MAX_SIDE:
        raise TooLarge(f"{width}x{height} is more than {MAX_SIDE:,} pixels along a side, the limit")
    if len(data) > max_bytes(max_pixels):
        raise TooLarge(f"more than {_mega(max_bytes(max_pixels))} MB of file, the limit")
    if opener is PngImageFile:
        if damage := png_checks.damage(data):
            raise BadPicture(f"truncated or damaged: {damage}")
    elif not file_headers.has_end(data):
        raise BadPicture("truncated or damaged: the end of the JPEG is missing")
    return Picture(picture, file_headers.orientation(data))


def max_bytes(max_pixels: int | None) -> int:
    """The largest file size of a picture of so many pixels."""
    return MAX_FILE_BYTES if max_pixels is None else min(MAX_FILE_BYTES, MAX_BYTES_PER_PIXEL * max_pixels + HEADER_BYTES)


def decode(picture: Picture, max_analysis_px: int | None = None) -> Image.Image:
    """The pixels of an opened picture, upright, in mode RGB or L (alpha dropped, 16 bits cut to 8, as TensorFlow does).

    With `max_analysis_px`, larger pictures come at 1/2, 1/4, 1/8... of their size, the first that fits. Every byte of the file is
    still read, so that a truncated one is noticed. BadPicture when the pixels can't be decoded.
    """
    width, height = picture.stored.size
    shrink = 1
    while max_analysis_px is not None and (width // shrink) * (height // shrink) > max_analysis_px:
        shrink *= 2
    image = decode_stored(picture, shrink)
    drafted = round(max(width, height) / max(image.size))
    if shrink > drafted:
        image = image.reduce(shrink // drafted)
    turn = TRANSPOSE.get(picture.orientation or 1)
    return image.transpose(turn) if turn is not None else image


def decode_stored(picture: Picture, ratio: int = 1) -> Image.Image:
    """The pixels as they are stored, not upright, in mode RGB or L. A JPEG comes at the largest of 1/1, 1/2, 1/4 and 1/8 of its size that
    is not below 1/`ratio`: libjpeg's scaled decoding, for a fraction of the cost. BadPicture when the pixels can't be decoded."""
    stored = picture.stored
    try:
        if ratio > 1:
            # For PNG this does nothing.
            stored.draft(None, (max(1, stored.width // ratio), max(1, stored.height // ratio)))
        stored.load()
    except DAMAGE as error:
        raise BadPicture(f"truncated or damaged: {_reason(error)}") from error
    return _eight_bits(stored)


def capture_time(picture: Picture) -> str:
    """EXIF DateTimeOriginal of a JPEG as it stands, empty when absent."""
    raw = picture.stored.info.get("exif")
    if not raw or not isinstance(picture.stored, JpegImageFile):
        return ""
    try:
        block = Image.Exif()
        block.load(raw)
        value = block.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal)
    except DAMAGE:
        return ""  # a damaged EXIF block is no reason to refuse a photo
    return value if isinstance(value, str) else ""


def _eight_bits(stored: Image.Image) -> Image.Image:
    if stored.mode in ("RGB", "L"):
        return stored
    if stored.mode.startswith("I"):
        # convert("L") would clip 16-bit samples at 255 instead of scaling them.
        return stored.convert("I").point(lambda sample: sample * (1 / 256)).convert("L")
    if stored.mode == "CMYK":
        return _rgb_of_inks(stored)
    # Alpha is dropped; Pillow would warn of a palette with transparency.
    stored.info.pop("transparency", None)
    return stored.convert("L" if stored.mode in ("1", "LA") else "RGB")


def _rgb_of_inks(stored: Image.Image) -> Image.Image:
    """RGB as TensorFlow computes it; Pillow's own conversion rounds otherwise."""
    # Pillow reads every CMYK JPEG as inverted; only Adobe's are.
    paper = stored if "adobe_transform" not in stored.info else ImageChops.invert(stored)
    channels = np.asarray(paper).astype(np.uint16)
    return Image.fromarray((channels[..., :3] * channels[..., 3:] // 255).astype(np.uint8), "RGB")


def _not_supported(data: bytes) -> BadPicture:
    for offset, magic, name in _OTHER_FORMATS:
        if data[offset : offset + len(magic)] == magic:
            return UnsupportedKind(f"{name} is not supported: deliver JPEG or PNG")
    return BadPicture("not a picture")


def _reason(error: BaseException) -> str:
    """Pillow's words on one line, without the memory addresses that would differ from run to run."""
    text = " ".join(str(error).split())
    return text if text and " at 0x" not in text else "the decoder gave up"


def _mega(amount: int) -> str:
    return f"{amount / 1_000_000:.4g}"
