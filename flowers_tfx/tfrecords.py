"""Protobuf messages and TFRecord files, as bytes: enough to write and read them without TensorFlow and without generated classes."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterable, Iterator
from typing import IO

import google_crc32c

HEAD_BYTES = 12  # a record's length and the checksum of that
_MASK = 0xFFFFFFFF
_VARINT, _LENGTH_DELIMITED = 0, 2  # kinds of fields of a protobuf message, and the fixed sizes of the others
_FIXED_BYTES = {1: 8, 5: 4}
_LONGEST_VARINT = 70  # bits
_DAMAGED_MESSAGE = "a protobuf message is damaged"


def field_head(field: int, size: int) -> bytes:
    """The start of a length-delimited protobuf field of `size` bytes."""
    return bytes((field << 3 | 2,)) + varint(size)


def varint(value: int) -> bytes:
    """A number from 0 on, as protobuf writes it."""
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def message_fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and content of the length-delimited fields of a protobuf message; others are passed over. Raises ValueError if it is
    damaged."""
    at = 0
    while at < len(message):
        tag, at = read_varint(message, at)
        kind, size = tag & 7, _FIXED_BYTES.get(tag & 7, 0)
        if kind in (_VARINT, _LENGTH_DELIMITED):
            value, at = read_varint(message, at)
            size = value if kind == _LENGTH_DELIMITED else 0
        elif not size:
            raise ValueError(_DAMAGED_MESSAGE)
        if at + size > len(message):
            raise ValueError(_DAMAGED_MESSAGE)
        if kind == _LENGTH_DELIMITED:
            yield tag >> 3, message[at : at + size]
        at += size


def read_varint(data: memoryview, at: int) -> tuple[int, int]:
    """The number, and where it ends."""
    value = shift = 0
    while at < len(data) and shift < _LONGEST_VARINT:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if byte < 0x80:
            return value, at
    raise ValueError(_DAMAGED_MESSAGE)


def record_file(records: Iterable[bytes]) -> bytes:
    """The content of a TFRecord file, uncompressed."""
    return b"".join(part for record in records for part in framed(record))


def framed(record: bytes) -> tuple[bytes, bytes, bytes]:
    """As it stands in a TFRecord file: length and its checksum, the record, its checksum."""
    length = struct.pack("<Q", len(record))
    return length + masked_crc(length), record, masked_crc(record)


def read_records(file: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    """The records of a TFRecord file, uncompressed. Raises ValueError if it is truncated or damaged."""
    while head := file.read(HEAD_BYTES):
        length = head[:8]
        if len(head) < HEAD_BYTES or head[8:] != masked_crc(length):
            raise ValueError("a TFRecord file is damaged")
        size = struct.unpack("<Q", length)[0]
        record, crc = file.read(size), file.read(4)
        if len(record) < size or crc != masked_crc(record):
            raise ValueError("a TFRecord file is damaged")
        yield record


def masked_crc(data: bytes) -> bytes:
    """TFRecord's checksum: CRC-32C, rotated by 15 bits, plus a constant."""
    crc: int = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & _MASK)
