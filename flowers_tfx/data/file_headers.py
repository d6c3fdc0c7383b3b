"""Reads the headers of a JPEG or PNG without decoding pixels: the orientation of the picture, and the coding of a JPEG.

`model/picture_graph.py` reads the orientation by the same rule in TensorFlow, so that a photo is measured as the network sees it.
tests/unit/test_decoders.py compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"

_EXIF = b"Exif\0\0"
_ORIENTATION_TAG, _SHORT, _LONG = 0x0112, 3, 4  # the types are those that writers use for the orientation
_SMALLEST_TIFF = 14
_APP1 = 0xE1
_NO_MORE_HEADERS = (0xD9, 0xDA)  # end of image, start of scan
# Start of frame: all of 0xC0 to 0xCF but Huffman tables, an extension and the conditions of arithmetic coding.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_HUFFMAN_DCT = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive
_FIRST_ARITHMETIC = 0xC9
# Of several 0xFF only the last starts a marker. The patterns begin with one byte, not with `\xff+`: `re` then looks for that byte first,
# which takes 0.02 ms for a scan of 60 kB instead of 0.36 ms.
_MARKER = re.compile(rb"\xff([^\x00\xff])")
# In a scan a zero or a restart marker can follow 0xFF; any other marker ends the scan.
_MARKER_AFTER_SCAN = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")
_SCAN, _END = 0xDA, 0xD9
_WITHOUT_BODY = (0x01, *range(0xD0, 0xD8))
# Frames and scans, tables, conditions, number of lines, restart interval, application data, comment.
_WITH_BODY = frozenset((*_HUFFMAN_DCT, 0xC4, 0xCC, _SCAN, 0xDB, 0xDC, 0xDD, *range(0xE0, 0xF0), 0xFE))
# XMP in a PNG: an iTXt chunk of this keyword that is not compressed.
_XMP = b"XML:com.adobe.xmp\0\0"
_XMP_ORIENTATION = re.compile(rb"tiff:Orientation[ \t\r\n]*(?:=[ \t\r\n]*[\"']|>)[ \t\r\n]*([1-8])[ \t\r\n]*[\"'<]")


def orientation(data: bytes) -> int | None:
    """EXIF orientation, 1 to 8: of a JPEG's Exif segment, or of a PNG's eXIf chunk, else its XMP. None when absent or out of range."""
    if data.startswith(JPEG):
        exif = next((body[6:] for marker, body in _segments(data) if marker == _APP1 and body.startswith(_EXIF)), b"")
        return _tiff_orientation(exif)
    exif = next((body for kind, body in _chunks(data) if kind == b"eXIf" and body), b"")
    return _tiff_orientation(exif) or _xmp_orientation(data)


def unsupported_coding(data: bytes) -> str:
    """Why TensorFlow cannot decode this kind of JPEG, for those that some builds of libjpeg can; empty for the usual kinds."""
    marker, body = next(((marker, body) for marker, body in _segments(data) if marker in _FRAMES), (0, b""))
    if not body:
        return "truncated or damaged: the JPEG's frame header is missing"
    if marker >= _FIRST_ARITHMETIC:
        return "arithmetic-coded JPEG is not supported: deliver baseline or progressive JPEG"
    if marker not in _HUFFMAN_DCT:
        return "lossless and hierarchical JPEG are not supported: deliver baseline or progressive JPEG"
    if body[0] != 8:
        return f"JPEG with {body[0]} bits a sample is not supported: deliver 8 bits"
    return ""


def has_end(data: bytes) -> bool:
    """Whether the JPEG's markers lead to its end: TensorFlow reads that far, and Pillow only to the last row."""
    match = _MARKER.search(data, 2)
    while match and match[1][0] != _END:
        marker, at = match[1][0], match.end()
        if marker in _WITH_BODY:
            at += max(2, int.from_bytes(data[at : at + 2], "big"))
        elif marker not in _WITHOUT_BODY:
            return False
        match = (_MARKER_AFTER_SCAN if marker == _SCAN else _MARKER).search(data, at)
    return match is not None


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and body of the segments before the scan. It stops at the first data that is not a segment."""
    at = 2
    while at + 10 <= len(data) and data[at] == 0xFF:
        marker, size = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker in _NO_MORE_HEADERS or size < 2:
            return
        yield marker, data[at + 4 : at + 2 + size]
        at += 2 + size


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and body of the chunks of a PNG; damage is for `pictures` to find."""
    at = len(PNG)
    while at + 12 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if kind == b"IEND":
            return
        # Pixels are most of the file and are skipped.
        yield kind, b"" if kind == b"IDAT" else data[at + 8 : at + 8 + size]
        at += 12 + size


def _tiff_orientation(tiff: bytes) -> int | None:
    """The orientation in a TIFF block's first directory; wrong offsets and counts are clipped to the block."""
    order: Literal["little", "big"] = "little" if tiff[:1] == b"I" else "big"
    if len(tiff) < _SMALLEST_TIFF or _number(tiff, 2, 2, order) != 42:
        return None
    start = min(_number(tiff, 4, 4, order), len(tiff) - 2)
    entries = min(_number(tiff, start, 2, order), (len(tiff) - start - 2) // 12)
    for at in range(start + 2, start + 2 + 12 * entries, 12):
        kind = _number(tiff, at + 2, 2, order)
        if _number(tiff, at, 2, order) == _ORIENTATION_TAG and kind in (_SHORT, _LONG):
            value = _number(tiff, at + 8, 2 if kind == _SHORT else 4, order)
            if 1 <= value <= 8:
                return value
    return None


def _number(data: bytes, at: int, size: int, order: Literal["little", "big"]) -> int:
    return int.from_bytes(data[at : at + size], order)


def _xmp_orientation(data: bytes) -> int | None:
    xmp = next((body for kind, body in _chunks(data) if kind == b"iTXt" and body.startswith(_XMP)), b"")
    match = _XMP_ORIENTATION.search(xmp)
    return int(match[1]) if match else None
