"""tf.train.Examples and gzipped TFRecord files without importing TensorFlow, byte for byte the same on every machine."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import IO

from flowers_tfx.tfrecords import field_head, framed, message_fields, varint

Feature = bytes | str | int | float

# ID, method deflate, no flags, time 0, no extra flags, unknown system (RFC 1952).
GZIP_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
LAST_BLOCK = b"\x01\0\0\xff\xff"
BLOCK_BYTES = 65535
_MASK = 0xFFFFFFFF
_FLOAT = struct.Struct("<f")
_BYTES, _FLOATS, _INTS = 1, 2, 3  # field numbers in tf.train.Feature
_BLOCK_HEAD = struct.Struct("<BHH")


def example_bytes(values: Mapping[str, Feature]) -> bytes:
    """A serialized tf.train.Example with one value per feature, in the order of deterministic serialization (sorted keys)."""
    pieces: list[bytes] = [b""]
    for key in sorted(values):
        value = values[key]
        if isinstance(value, float):
            kind, payload = _FLOATS, _FLOAT.pack(value)
        elif isinstance(value, int):
            kind, payload = _INTS, varint(value & 0xFFFFFFFFFFFFFFFF)
        else:
            kind, payload = _BYTES, value.encode() if isinstance(value, str) else value
        pieces.append(_head(key, kind, len(payload)))
        pieces.append(payload)
    pieces[0] = field_head(1, sum(map(len, pieces)))
    return b"".join(pieces)


@lru_cache(maxsize=4096)
def _head(key: str, kind: int, size: int) -> bytes:
    """The bytes before the value in the map entry of a feature; `kind` is the field number in tf.train.Feature."""
    name = key.encode()
    head = field_head(1, size)  # the only value of the list
    head = field_head(kind, len(head) + size) + head  # the list
    head = field_head(1, len(name)) + name + field_head(2, len(head) + size) + head  # key and feature
    return field_head(1, len(head) + size) + head


def bytes_feature(record: bytes, name: str) -> bytes:
    """The one value of a bytes feature of a serialized tf.train.Example, from any writer. Raises ValueError if it has none."""
    for _, whole in message_fields(memoryview(record)):
        for _, entry in message_fields(whole):
            parts = dict(message_fields(entry))
            if parts[1] == name.encode():
                for kind, values in message_fields(parts[2]):
                    if kind == 1:
                        return bytes(dict(message_fields(values))[1])
    raise ValueError(f"an Example has no bytes feature {name}")


def with_bytes_feature(record: bytes, name: str, value: bytes) -> bytes:
    """The serialized tf.train.Example with this value of a bytes feature, which it has; the other features stay byte for byte."""
    entries = [bytes(entry) for _, whole in message_fields(memoryview(record)) for _, entry in message_fields(whole)]
    pieces = [b""]
    for entry in entries:
        own = bytes(dict(message_fields(memoryview(entry)))[1]) == name.encode()
        pieces.append(_head(name, _BYTES, len(value)) + value if own else field_head(1, len(entry)) + entry)
    pieces[0] = field_head(1, sum(map(len, pieces)))
    return b"".join(pieces)


class RecordWriter:
    """TFRecords in a gzip file of stored blocks.

    Photos are compressed already: deflate at level 1 takes 1.5 % off and costs more than decoding them. Stored blocks are written
    by hand because what zlib makes of level 0 differs between its versions, and shards are to be the same everywhere.
    """

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._sha256 = hashlib.sha256()
        self._crc32 = 0
        self._plain_bytes = 0
        self.bytes = 0
        self._write(GZIP_HEADER)

    def write(self, record: bytes) -> None:
        self._write(b"".join(block for part in framed(record) for block in self._blocks(part)))

    def close(self) -> str:
        """Ends the gzip stream and returns the file's sha256; closing the file is the caller's."""
        self._write(LAST_BLOCK + struct.pack("<II", self._crc32, self._plain_bytes & _MASK))
        return self._sha256.hexdigest()

    def _blocks(self, plain: bytes) -> Iterator[bytes | memoryview]:
        """Stored blocks: not the last one, length, its complement, bytes."""
        self._crc32 = zlib.crc32(plain, self._crc32)
        self._plain_bytes += len(plain)
        view = memoryview(plain)
        for start in range(0, len(plain), BLOCK_BYTES):
            block = view[start : start + BLOCK_BYTES]
            yield _BLOCK_HEAD.pack(0, len(block), len(block) ^ 0xFFFF)
            yield block

    def _write(self, data: bytes) -> None:
        self._sha256.update(data)
        self._out.write(data)
        self.bytes += len(data)
