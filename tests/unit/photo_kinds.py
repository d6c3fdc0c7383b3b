"""Every kind of file that a delivery can hold, made on the spot, and what ingest does with it. docs/pictures-taken.md is this table:
`python -m tests.unit.photo_kinds > docs/pictures-taken.md`."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image, ImageCms

SIDE = 32

_BASELINE = "deliver baseline or progressive JPEG"
_TRANSPOSED = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Image.Transpose that undoes what the orientation asks for


@dataclass(frozen=True)
class Kind:
    """`refused`: the reason, empty for a kind that is taken. `tolerance`: how far a channel of a pixel may differ between the decoders.
    `upright`: what a viewer shows, where the file says how to turn it."""

    name: str
    make: Callable[[], bytes]
    refused: str = ""
    tolerance: int = 0
    upright: Image.Image | None = None
    note: str = ""


def scene(mode: str = "RGB", side: int = SIDE) -> Image.Image:
    """A picture without any symmetry, smooth enough for JPEG to keep."""
    y, x = np.mgrid[0:side, 0:side] / side
    channels = [30 + 200 * x * y, 40 + 180 * y * (1 - x), 220 - 190 * (x * 0.3 + y * 0.7)]
    picture = Image.fromarray(np.stack(channels, -1).astype(np.uint8))
    picture.paste((250, 240, 20), (0, 0, side // 2, side // 4))
    return picture.convert(mode)


def encode(picture: Image.Image, file_format: str = "JPEG", **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, file_format, **({"quality": 90} if file_format in ("JPEG", "MPO") else {}), **options)
    return out.getvalue()


def exif_block(orientation: int, order: str = "<") -> bytes:
    header = (b"II" if order == "<" else b"MM") + struct.pack(order + "HIH", 42, 8, 1)
    return header + struct.pack(order + "HHIHHI", 0x0112, 3, 1, orientation, 0, 0)


def jpeg_segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def exif_segment(orientation: int, order: str = "<") -> bytes:
    return jpeg_segment(0xE1, b"Exif\0\0" + exif_block(orientation, order))


def _without_adobe() -> bytes:
    jpeg = encode(scene("CMYK"))
    at = jpeg.index(b"\xff\xee")
    return jpeg[:at] + jpeg[at + 2 + struct.unpack(">H", jpeg[at + 2 : at + 4])[0] :]


def _ycck() -> bytes:
    jpeg = bytearray(encode(scene("CMYK")))
    jpeg[jpeg.index(b"Adobe") + 11] = 2
    return bytes(jpeg)


def _coded_as(marker: int, bits: int = 8) -> bytes:
    jpeg = bytearray(encode(scene()))
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 1], jpeg[at + 4] = marker, bits
    return bytes(jpeg)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunks(png: bytes, *chunks: bytes, last: bool = False) -> bytes:
    """The chunks behind the header, or before the end."""
    at = len(png) - 12 if last else 33
    return png[:at] + b"".join(chunks) + png[at:]


def xmp_chunk(orientation: int, element: bool = False) -> bytes:
    text = f"<tiff:Orientation>{orientation}</tiff:Orientation>" if element else f'<rdf:Description tiff:Orientation="{orientation}"/>'
    return png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b"<x:xmpmeta>" + text.encode() + b"</x:xmpmeta>")


_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))  # x, y, step x, step y


def raw_png(depth: int, colour: int, *chunks: bytes, interlaced: bool = False) -> bytes:
    """A PNG written by hand: every bit depth and colour type, which Pillow does not write."""
    samples = np.random.default_rng(depth * 10 + colour).integers(0, 1 << depth, (SIDE, SIDE, _CHANNELS[colour]), dtype=np.uint16)
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    lines = b"".join(b"\0" + _packed(row, depth) for x, y, dx, dy in passes for row in samples[y::dy, x::dx])
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, depth, colour, 0, 0, int(interlaced)))
    palette = bytes(np.random.default_rng(1).integers(0, 256, 3 << depth, dtype=np.uint8)) if colour == 3 else b""
    palettes = [png_chunk(b"PLTE", palette)] if palette else []
    body = b"".join((header, *palettes, *chunks, png_chunk(b"IDAT", zlib.compress(lines)), png_chunk(b"IEND", b"")))
    return b"\x89PNG\r\n\x1a\n" + body


def _packed(row: np.ndarray, depth: int) -> bytes:
    if depth == 16:
        return row.astype(">u2").tobytes()
    bits = (row.reshape(-1, 1) >> np.arange(depth - 1, -1, -1)) & 1
    return np.packbits(bits.astype(np.uint8)).tobytes()


def _icc() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _apng(default_image: bool) -> bytes:
    frames = [Image.new("RGB", (SIDE, SIDE), (9, 200, 30))]
    return encode(scene(), "PNG", save_all=True, append_images=frames, default_image=default_image)


def turned(orientation: int) -> Image.Image:
    return scene() if orientation == 1 else scene().transpose(Image.Transpose(_TRANSPOSED[orientation]))


def _jpegs() -> list[Kind]:
    jpeg = partial(encode, scene())
    return [
        Kind("JPEG, baseline, 4:2:0", jpeg),
        Kind("JPEG, 4:2:2", partial(encode, scene(), subsampling="4:2:2")),
        Kind("JPEG, 4:4:4", partial(encode, scene(), subsampling="4:4:4")),
        Kind("JPEG, optimized tables", partial(encode, scene(), optimize=True)),
        Kind("JPEG, restart markers", partial(encode, scene(), restart_marker_blocks=1)),
        Kind("JPEG, progressive", partial(encode, scene(), progressive=True)),
        Kind("JPEG, stored as RGB", partial(encode, scene(), keep_rgb=True)),
        Kind("JPEG, gray", partial(encode, scene("L"))),
        Kind("JPEG, gray, progressive", partial(encode, scene("L"), progressive=True)),
        Kind(
            "JPEG, CMYK with Adobe's marker (APP14)",
            partial(encode, scene("CMYK")),
            tolerance=1,
            note="read as inverted, as Adobe writes it",
        ),
        Kind("JPEG, CMYK without Adobe's marker", _without_adobe, tolerance=1, note="read as it stands"),
        Kind("JPEG, YCCK", _ycck, tolerance=1),
        Kind("JPEG with an ICC profile", lambda: encode(scene(), icc_profile=_icc()), note="the profile is not applied"),
        Kind(
            "JPEG with more pictures in it (MPO)",
            lambda: encode(scene(), "MPO", save_all=True, append_images=[scene("L")]),
            note="the first",
        ),
        Kind("JPEG with bytes behind its end", lambda: jpeg() + b"more" * 99),
        Kind("JPEG with an XMP orientation alone", _xmp_jpeg, note="stays as it is, as in browsers"),
        Kind("JPEG, 12 bits", partial(_coded_as, 0xC1, 12), refused="JPEG with 12 bits a sample is not supported: deliver 8 bits"),
        Kind("JPEG, lossless", partial(_coded_as, 0xC3), refused=f"lossless and hierarchical JPEG are not supported: {_BASELINE}"),
        Kind("JPEG, hierarchical", partial(_coded_as, 0xC5), refused=f"lossless and hierarchical JPEG are not supported: {_BASELINE}"),
        Kind("JPEG, arithmetic coding", partial(_coded_as, 0xC9), refused=f"arithmetic-coded JPEG is not supported: {_BASELINE}"),
        Kind(
            "JPEG, arithmetic coding, progressive", partial(_coded_as, 0xCA), refused=f"arithmetic-coded JPEG is not supported: {_BASELINE}"
        ),
    ]


def _xmp_jpeg() -> bytes:
    return with_segments(encode(scene()), jpeg_segment(0xE1, b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="6"/>'))


def _pngs() -> list[Kind]:
    names = {0: "gray", 2: "RGB", 3: "palette", 4: "gray with alpha", 6: "RGBA"}
    depths = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
    notes = {4: "alpha is dropped", 6: "alpha is dropped"}
    kinds = [
        Kind(
            f"PNG, {name}, {depth} bit{', interlaced' * interlaced}",
            partial(raw_png, depth, colour, interlaced=interlaced),
            note=notes.get(colour, ""),
        )
        for colour, name in names.items()
        for depth in depths[colour]
        for interlaced in (False, True)
    ]
    dropped = "transparency is dropped"
    return [
        *kinds,
        Kind("PNG, palette with transparency", lambda: raw_png(8, 3, png_chunk(b"tRNS", bytes(range(256)))), note=dropped),
        Kind("PNG, palette with one transparent colour", lambda: raw_png(4, 3, png_chunk(b"tRNS", b"\xff\0")), note=dropped),
        Kind("PNG, gray with a transparent level", lambda: raw_png(8, 0, png_chunk(b"tRNS", b"\0\x40")), note=dropped),
        Kind("PNG, gray, 16 bit, with a transparent level", lambda: raw_png(16, 0, png_chunk(b"tRNS", b"\x12\x40")), note=dropped),
        Kind("PNG, RGB with a transparent colour", lambda: raw_png(8, 2, png_chunk(b"tRNS", b"\0\x01\0\x02\0\x03")), note=dropped),
        Kind("PNG, animated (APNG)", partial(_apng, False), note="the first picture"),
        Kind("PNG, animated, with a picture besides", partial(_apng, True), note="the picture that is not part of the animation"),
        Kind("PNG with an ICC profile", lambda: encode(scene(), "PNG", icc_profile=_icc()), note="the profile is not applied"),
        Kind("PNG with a gamma", lambda: raw_png(8, 2, png_chunk(b"gAMA", struct.pack(">I", 100_000))), note="the gamma is not applied"),
        Kind("PNG with bytes behind its end", lambda: encode(scene(), "PNG") + b"more" * 99),
    ]


def png_with_exif(stored: Image.Image, orientation: int, order: str = ">") -> bytes:
    return with_chunks(encode(stored, "PNG"), png_chunk(b"eXIf", exif_block(orientation, order)))


def png_with_xmp(stored: Image.Image, orientation: int) -> bytes:
    return with_chunks(encode(stored, "PNG"), xmp_chunk(orientation))


def jpeg_with_exif(stored: Image.Image, orientation: int, order: str = "<") -> bytes:
    return with_segments(encode(stored, subsampling="4:4:4"), exif_segment(orientation, order))


def with_correct_checksums(data: bytes) -> bytes:
    """A PNG with the checksums of its chunks; other files as they are."""
    if not data.startswith(b"\x89PNG"):
        return data
    at, chunks = 8, []
    while at < len(data):
        size = struct.unpack(">I", data[at : at + 4])[0]
        chunks.append(png_chunk(data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    return data[:8] + b"".join(chunks)


def _orientations() -> list[Kind]:
    def kind(name: str, make: Callable[[Image.Image], bytes], orientation: int, note: str = "") -> Kind:
        return Kind(name, lambda: make(turned(orientation)), upright=scene(), note=note)

    def png(stored: Image.Image, *chunks: bytes, last: bool = False) -> bytes:
        return with_chunks(encode(stored, "PNG"), *chunks, last=last)

    kinds: list[Kind] = []
    for n in range(1, 9):
        kinds += [
            kind(f"JPEG, EXIF orientation {n}", partial(jpeg_with_exif, orientation=n), n),
            kind(f"JPEG, EXIF orientation {n}, big endian", partial(jpeg_with_exif, orientation=n, order=">"), n),
            kind(f"PNG, eXIf orientation {n}", partial(png_with_exif, orientation=n), n),
            kind(f"PNG, XMP orientation {n}", partial(png_with_xmp, orientation=n), n),
        ]
    return [
        *kinds,
        kind("PNG, eXIf behind the pixels", lambda stored: png(stored, png_chunk(b"eXIf", exif_block(6)), last=True), 6),
        kind("PNG, XMP as an element, behind the pixels", lambda stored: png(stored, xmp_chunk(8, element=True), last=True), 8),
        kind("PNG, eXIf and XMP disagree", lambda stored: png(stored, xmp_chunk(3), png_chunk(b"eXIf", exif_block(6))), 6, "eXIf counts"),
        kind("PNG, eXIf out of range, XMP", lambda stored: png(stored, xmp_chunk(3), png_chunk(b"eXIf", exif_block(9))), 3, "XMP counts"),
        *(kind(f"JPEG, EXIF orientation {n}", partial(jpeg_with_exif, orientation=n), 1, "stays as it is") for n in (0, 9, 65535)),
        *(kind(f"PNG, eXIf orientation {n}", partial(png_with_exif, orientation=n), 1, "stays as it is") for n in (0, 9, 65535)),
        kind("JPEG, EXIF orientation as a text", lambda stored: with_segments(encode(stored), _text_exif()), 1, "stays as it is"),
    ]


def _text_exif() -> bytes:
    block = exif_block(6)
    return jpeg_segment(0xE1, b"Exif\0\0" + block[:12] + b"\x02\0" + block[14:])  # the entry's type is ASCII


def _refused() -> list[Kind]:
    names = {"GIF": "GIF", "BMP": "BMP", "WEBP": "WebP", "TIFF": "TIFF"}
    others = [Kind(n, partial(encode, scene(), f), refused=f"{n} is not supported: deliver JPEG or PNG") for f, n in names.items()]
    jpeg, png = encode(scene()), encode(scene(), "PNG")
    damaged = "truncated or damaged"
    return [
        *others,
        Kind("JPEG, cut off", lambda: jpeg[: len(jpeg) * 9 // 10], refused=damaged),
        Kind("JPEG, progressive, cut off", lambda: encode(scene(), progressive=True)[:-40], refused=damaged),
        Kind("JPEG without its end marker", lambda: jpeg[:-1] + b"\0", refused="truncated or damaged: the end of the JPEG is missing"),
        Kind("JPEG, no height in its header", lambda: _with_height(jpeg, 0), refused=damaged),
        Kind("JPEG, begun twice", lambda: jpeg[:2] + jpeg, refused=damaged),
        Kind("PNG, cut off", lambda: png[: len(png) * 9 // 10], refused=damaged),
        Kind("PNG, wrong checksum", lambda: png[:-20] + bytes([png[-20] ^ 1]) + png[-19:], refused=damaged),
        Kind("PNG, no pixels", lambda: _without_chunk(_apng(False), b"IDAT"), refused="truncated or damaged: the PNG has no pixels"),
        *(
            Kind(
                f"PNG{', interlaced' * interlaced}, rows missing",
                partial(_with_fewer_rows, interlaced),
                refused="truncated or damaged: rows of the PNG are missing",
            )
            for interlaced in (False, True)
        ),
        Kind(
            "PNG, no palette",
            lambda: _without_chunk(raw_png(8, 3), b"PLTE"),
            refused="truncated or damaged: the palette of the PNG is wrong",
        ),
        Kind("PNG, unknown compression", lambda: _unknown_compression(png), refused="truncated or damaged: the header of the PNG is wrong"),
        Kind(
            "PNG, no width",
            lambda: png[:8] + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 0, SIDE, 8, 2, 0, 0, 0)) + png[33:],
            refused=damaged,
        ),
        Kind(
            "PNG, a side of more than 1,000,000 px",
            lambda: encode(Image.new("L", (1_000_001, 1)), "PNG"),
            refused="1000001x1 is more than 1,000,000 pixels",
        ),
        Kind("empty file", lambda: b"", refused="empty file"),
        Kind("not a picture", lambda: b"<html>not found</html>", refused="not a picture"),
    ]


def _without_chunk(png: bytes, kind: bytes) -> bytes:
    at = png.index(kind) - 4
    return png[:at] + png[at + 12 + struct.unpack(">I", png[at : at + 4])[0] :]


def _with_fewer_rows(interlaced: bool) -> bytes:
    """The header names eight rows more than there are, and all checksums are right."""
    png = raw_png(8, 2, interlaced=interlaced)
    return with_correct_checksums(png[:20] + struct.pack(">I", SIDE + 8) + png[24:])


def _unknown_compression(png: bytes) -> bytes:
    return with_correct_checksums(png[:26] + b"\1" + png[27:])


def _with_height(jpeg: bytes, height: int) -> bytes:
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + struct.pack(">H", height) + jpeg[at + 2 :]


def kinds() -> list[Kind]:
    return [*_jpegs(), *_pngs(), *_orientations(), *_refused()]


_HEAD = """# Which files are taken as pictures

What ingest, `flowers dataset measure` and `audit` and `flowers predict` do with each kind of file. "Same pixels" compares the pixels that
the image properties are computed from with those that the network sees, in Transform and in the served model: the largest difference of
a channel, of 255. A file that is refused is counted with this reason and named; nothing stops because of it.

A PNG is turned by its eXIf chunk, or else by `tiff:Orientation` of its XMP, a JPEG by its Exif segment alone. TensorFlow Serving, asked
directly, has no check of its own: a file that this table refuses can get an answer there, or fail its batch.

`tests/unit/test_decoders.py` holds every line of the table. It is written by `python -m tests.unit.photo_kinds > docs/pictures-taken.md`.

| kind of file | taken | same pixels | |
|---|---|---|---|
"""


def page() -> str:
    """docs/pictures-taken.md."""
    return _HEAD + "".join(_line(kind) for kind in kinds())


def _line(kind: Kind) -> str:
    if kind.refused:
        return f"| {kind.name} | refused | | {kind.refused} |\n"
    same = f"within {kind.tolerance}" if kind.tolerance else "yes"
    return f"| {kind.name} | yes | {same} | {'turned upright' if kind.upright and not kind.note else kind.note} |\n"


if __name__ == "__main__":
    print(page(), end="")
