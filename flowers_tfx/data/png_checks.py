"""What is wrong with a PNG that Pillow overlooks and TensorFlow refuses: its end, checksums, header, palette, missing rows."""

from __future__ import annotations

import zlib

from flowers_tfx.data.file_headers import PNG

_PIECE_BYTES = 1 << 18
_PALETTE = 3  # a PNG's colour type
_CHANNELS = {0: 1, 2: 3, _PALETTE: 1, 4: 2, 6: 4}  # samples per pixel of each colour type
# Left, top, and the steps right and down of each pass of an interlaced PNG.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def damage(data: bytes) -> str:
    """The damage in a few words, or an empty string."""
    kinds: list[bytes] = []
    at = len(PNG)
    while not kinds or kinds[-1] != b"IEND":
        if at + 12 > len(data):
            return "the end of the PNG is missing"
        kinds.append(data[at + 4 : at + 8])
        size = int.from_bytes(data[at : at + 4], "big")
        if kinds[-1] == b"PLTE" and size % 3:
            return "the palette of the PNG is wrong"
        if zlib.crc32(memoryview(data)[at + 4 : at + 8 + size]) != int.from_bytes(data[at + 8 + size : at + 12 + size], "big"):
            return "a checksum of the PNG is wrong"
        at += size + 12
        if at > len(data):
            return "the end of the PNG is missing"
    return _damage_of_chunks(kinds, *data[25:29]) or ("" if _has_all_rows(data) else "rows of the PNG are missing")


def _damage_of_chunks(kinds: list[bytes], colour: int, compression: int, filters: int, interlace: int) -> str:
    if kinds[0] != b"IHDR" or kinds.count(b"IHDR") > 1 or compression or filters or interlace > 1:
        return "the header of the PNG is wrong"
    if b"IDAT" not in kinds:
        return "the PNG has no pixels"
    before_pixels = kinds[: kinds.index(b"IDAT")]
    if kinds.count(b"PLTE") > 1 or (colour == _PALETTE and b"PLTE" not in before_pixels):
        return "the palette of the PNG is wrong"
    return ""


def _has_all_rows(data: bytes) -> bool:
    """Whether the compressed pixels of a PNG, whose chunks are checked, are enough for its size: Pillow leaves missing rows black."""
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    depth, colour, interlace = data[24], data[25], data[28]
    missing = 0
    for left, top, right, down in _PASSES if interlace else ((0, 0, 1, 1),):
        columns, rows = -((left - width) // right), -((top - height) // down)
        # A byte before each row names its filter.
        missing += rows * (1 + (columns * _CHANNELS.get(colour, 4) * depth + 7) // 8) if columns > 0 and rows > 0 else 0
    inflate, at = zlib.decompressobj(), len(PNG)
    while missing > 0 and (kind := data[at + 4 : at + 8]) != b"IEND":
        size = int.from_bytes(data[at : at + 4], "big")
        packed = data[at + 8 : at + 8 + size] if kind == b"IDAT" else b""
        while packed and missing > 0 and not inflate.eof:
            try:
                missing -= len(inflate.decompress(packed, _PIECE_BYTES))
            except zlib.error:
                return False
            packed = inflate.unconsumed_tail
        at += size + 12
    return missing <= 0
