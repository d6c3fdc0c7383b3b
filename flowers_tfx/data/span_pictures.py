"""The photos of some rows of a span, picked out of its TFRecords: the bytes of other photos are not read.

A shard is a gzip file of stored blocks (`data/records.py`), so where a record ends follows from its length.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from flowers_tfx.data.records import BLOCK_BYTES, GZIP_HEADER, LAST_BLOCK, bytes_feature
from flowers_tfx.errors import InputError
from flowers_tfx.features import DIGEST, IMAGE
from flowers_tfx.storage import StoragePath, local_file
from flowers_tfx.tfrecords import HEAD_BYTES, masked_crc

_BLOCK_HEAD = struct.Struct("<BHH")  # 0, the length, its complement
_START_BYTES = 4096  # of a record: features are sorted by name, and few come before the digest
# The feature as example_bytes writes it: the name, and a list of one string of 64 characters.
_DIGEST = re.compile(rb"\n\x06" + DIGEST.encode() + rb"\x12D\nB\n@([0-9a-f]{64})")


def span_pictures(folder: StoragePath, digests: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Digest and bytes of each photo of the span in `digests`; reading ends with the last. Raises InputError for a damaged shard."""
    missing = set(digests)
    for shard in sorted(path for path in folder.iterdir() if path.name.endswith(".tfrecord.gz")) if missing else ():
        # A shard at a time: a copy of a whole span in a bucket may not fit on this machine's disk.
        with local_file(shard) as file:
            try:
                for digest, photo in _shard_pictures(file, missing):
                    missing.discard(digest)
                    yield digest, photo
            except ValueError as error:
                raise InputError(f"{shard} is damaged: {error}.", "Ingest its photos again, into a new data root.") from None
        if not missing:
            return


def _shard_pictures(file: Path, digests: set[str]) -> Iterator[tuple[str, bytes]]:
    with file.open("rb") as opened:
        fd = opened.fileno()
        if os.pread(fd, len(GZIP_HEADER), 0) != GZIP_HEADER:
            raise ValueError("it does not begin as a shard does")
        at = len(GZIP_HEADER)
        while digests and (start := os.pread(fd, _START_BYTES, at))[: len(LAST_BLOCK)] != LAST_BLOCK:
            body, end = _record_place(start, at)
            match = _DIGEST.search(start)
            if match is None:
                raise ValueError("a record has no digest")
            if (digest := match[1].decode()) in digests:
                yield digest, bytes_feature(_read_record(fd, body, end), IMAGE)
            at = end


def _record_place(start: bytes, at: int) -> tuple[int, int]:
    """Where the blocks of the record that starts at `at` begin, and where the next record starts. A record is its length and a checksum
    of that in one block, its bytes in blocks, and their checksum in one block."""
    head = start[_BLOCK_HEAD.size : _BLOCK_HEAD.size + HEAD_BYTES]
    if start[: _BLOCK_HEAD.size] != _BLOCK_HEAD.pack(0, HEAD_BYTES, HEAD_BYTES ^ 0xFFFF) or head[8:] != masked_crc(head[:8]):
        raise ValueError("a record's length is wrong")
    (size,) = struct.unpack("<Q", head[:8])
    body = at + _BLOCK_HEAD.size + HEAD_BYTES
    return body, body + size + _BLOCK_HEAD.size * -(-size // BLOCK_BYTES) + _BLOCK_HEAD.size + 4


def _read_record(fd: int, body: int, end: int) -> bytes:
    blocks = memoryview(os.pread(fd, end - body, body))
    pieces, at = [], 0
    while at + _BLOCK_HEAD.size < len(blocks):
        _, size, _ = _BLOCK_HEAD.unpack_from(blocks, at)
        pieces.append(blocks[at + _BLOCK_HEAD.size : at + _BLOCK_HEAD.size + size])
        at += _BLOCK_HEAD.size + size
    record = b"".join(pieces[:-1])
    if at != end - body or bytes(pieces[-1]) != masked_crc(record):
        raise ValueError("a record is truncated or its checksum is wrong")
    return record
