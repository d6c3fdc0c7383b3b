"""Pictures on which decoders differ most easily: colour modes, codings, orientations and sizes that a camera seldom makes."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngInfo

_ORIENTATION_TAG = 0x0112
_QUALITY = 90
_PNG = b"\x89PNG\r\n\x1a\n"
_GRAY, _RGB = 0, 2  # colour types of a PNG
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))  # x, y, step x, step y


@dataclass(frozen=True)
class DifficultPicture:
    """`make` gives the bytes of the file, the same at every call."""

    name: str
    make: Callable[[], bytes]


def difficult_pictures(image_size: int) -> list[DifficultPicture]:
    """For a network whose pictures have sides of `image_size` px. They are made when they are asked for, since some are large."""
    return [*_codings(image_size), *_orientations(image_size), *_sizes(image_size)]


def _codings(image_size: int) -> Iterator[DifficultPicture]:
    width, height = image_size + 37, image_size - 11
    rgb, gray, alpha = (partial(_scene, width, height, mode) for mode in ("RGB", "L", "RGBA"))
    cmyk = partial(_inks, width, height)
    yield DifficultPicture("JPEG, progressive", lambda: _encode(rgb(), "JPEG", progressive=True))
    yield DifficultPicture("JPEG, 4:4:4", lambda: _encode(rgb(), "JPEG", subsampling="4:4:4"))
    yield DifficultPicture("JPEG, 4:2:2", lambda: _encode(rgb(), "JPEG", subsampling="4:2:2"))
    yield DifficultPicture("JPEG, lowest quality", lambda: _encode(rgb(), "JPEG", quality=1))
    yield DifficultPicture("JPEG, gray", lambda: _encode(gray(), "JPEG"))
    yield DifficultPicture("JPEG, gray, progressive", lambda: _encode(gray(), "JPEG", progressive=True))
    yield DifficultPicture("JPEG, CMYK with Adobe's marker", lambda: _encode(cmyk(), "JPEG"))
    yield DifficultPicture("JPEG, CMYK without Adobe's marker", lambda: _without_adobe_marker(_encode(cmyk(), "JPEG")))
    yield DifficultPicture("PNG", lambda: _encode(rgb(), "PNG"))
    yield DifficultPicture("PNG, gray", lambda: _encode(gray(), "PNG"))
    yield DifficultPicture("PNG, 1 bit", lambda: _encode(gray().convert("1"), "PNG"))
    yield DifficultPicture("PNG, palette", lambda: _encode(rgb().quantize(64), "PNG"))
    yield DifficultPicture("PNG, palette with a transparent colour", lambda: _encode(rgb().quantize(64), "PNG", transparency=3))
    yield DifficultPicture("PNG, alpha", lambda: _encode(alpha(), "PNG"))
    yield DifficultPicture("PNG, gray with alpha", lambda: _encode(alpha().convert("LA"), "PNG"))
    for colour, name in ((_GRAY, "gray"), (_RGB, "RGB")):
        yield DifficultPicture(f"PNG, {name}, 16 bit", partial(_raw_png, width, height, colour, 16, interlaced=False))
        yield DifficultPicture(f"PNG, {name}, 16 bit, interlaced", partial(_raw_png, width, height, colour, 16, interlaced=True))
        yield DifficultPicture(f"PNG, {name}, 8 bit, interlaced", partial(_raw_png, width, height, colour, 8, interlaced=True))


def _orientations(image_size: int) -> Iterator[DifficultPicture]:
    picture = partial(_scene, 2 * image_size + 1, image_size + 5)
    for orientation in range(2, 9):
        yield DifficultPicture(f"JPEG, EXIF orientation {orientation}", partial(_encode_turned, picture, "JPEG", orientation))
        yield DifficultPicture(f"PNG, eXIf orientation {orientation}", partial(_encode_turned, picture, "PNG", orientation))
    xmp = PngInfo()
    xmp.add_itxt("XML:com.adobe.xmp", '<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>')
    yield DifficultPicture("PNG, XMP orientation 6", lambda: _encode(picture(), "PNG", pnginfo=xmp))


def _sizes(image_size: int) -> Iterator[DifficultPicture]:
    eight_times = 8 * image_size
    sizes = (
        (1, 1),
        (3, 2),
        (eight_times + 1, 3),
        (3, eight_times + 1),
        (image_size, image_size),
        (image_size - 1, image_size + 1),
        (2 * image_size - 1, 2 * image_size),
        (4 * image_size + 3, 3 * image_size - 1),
    )
    for width, height in sizes:
        for file_format in ("JPEG", "PNG"):
            make = partial(encode_scene, width, height, file_format)
            yield DifficultPicture(f"{file_format}, {width} x {height} px", make)
    # Larger than eight times the network's picture, where even the smallest decoding of a JPEG is too large.
    width, height = eight_times + 5, 2 * eight_times + 3
    yield DifficultPicture(f"JPEG, {width} x {height} px", partial(encode_scene, width, height, "JPEG"))


def encode_scene(width: int, height: int, file_format: str) -> bytes:
    """A drawn picture of this size in px, as a JPEG or PNG file."""
    return _encode(_scene(width, height), file_format)


def _encode_turned(picture: Callable[[], Image.Image], file_format: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[_ORIENTATION_TAG] = orientation
    return _encode(picture(), file_format, exif=exif)


def _scene(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Slow and fast changes of all colours, without any symmetry."""
    return Image.fromarray(_levels(width, height, 255).astype(np.uint8)).convert(mode)


def _inks(width: int, height: int) -> Image.Image:
    """CMYK with all four inks."""
    colours = _levels(width, height, 255)
    black = colours[::-1, ::-1, :1] / 2
    return Image.frombytes("CMYK", (width, height), np.concatenate([colours, black], axis=-1).astype(np.uint8).tobytes())


def _levels(width: int, height: int, most: int) -> npt.NDArray[np.float32]:
    """[height, width, 3], from 0 to `most`."""
    x = np.arange(width, dtype=np.float32) / width
    y = np.arange(height, dtype=np.float32)[:, np.newaxis] / height
    slow, fast = 0.5 + 0.5 * np.sin(5 * x + 9 * y * y), 0.5 + 0.5 * np.sin(140 * x - 90 * y * (1 + x))
    levels: npt.NDArray[np.float32] = np.stack([slow * (1 - y), 0.7 * slow + 0.3 * fast, fast * x], axis=-1) * np.float32(most)
    return levels


def _encode(picture: Image.Image, file_format: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, file_format, **{"quality": _QUALITY, **options})
    return out.getvalue()


def _without_adobe_marker(jpeg: bytes) -> bytes:
    start = jpeg.index(b"\xff\xee")
    (length,) = struct.unpack(">H", jpeg[start + 2 : start + 4])
    return jpeg[:start] + jpeg[start + 2 + length :]


def _raw_png(width: int, height: int, colour: int, bits: int, interlaced: bool) -> bytes:
    """A PNG with samples of 8 or 16 bits; Pillow writes neither interlaced ones nor RGB with 16 bits."""
    samples = _levels(width, height, (1 << bits) - 1).astype(">u2" if bits == 16 else np.uint8)
    if colour == _GRAY:
        samples = samples[..., 1:2]
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    # A byte before each row names its filter: none.
    rows = b"".join(b"\0" + row.tobytes() for x, y, right, down in passes for row in samples[y::down, x::right])
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, int(interlaced))
    return _PNG + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 1)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
