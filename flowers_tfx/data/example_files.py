"""Reading tf.train.Examples from the TFRecord files of a folder, on a disk or in a bucket, without TensorFlow."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator

from flowers_tfx import storage
from flowers_tfx.data.records import bytes_feature, with_bytes_feature
from flowers_tfx.data.spans import Span
from flowers_tfx.features import DIGEST, LABEL
from flowers_tfx.storage import StoragePath
from flowers_tfx.tfrecords import message_fields, read_records, read_varint

Value = bytes | int | float

_BYTES, _FLOATS, _INTS = 1, 2, 3  # field numbers in tf.train.Feature


def read_examples(folder: StoragePath, prefix: str = "") -> Iterator[bytes]:
    """Serialized Examples of the files whose names start with `prefix`; from a bucket, one file at a time is copied to this machine.

    Raises ValueError or OSError for a damaged file.
    """
    for name in storage.file_sizes(folder):
        if name.startswith(prefix):
            with storage.local_file(folder / name) as file, gzip.open(file) as records:
                yield from read_records(records)


def read_span_examples(span: Span, split: str) -> Iterator[bytes]:
    """Those of a split of a span, as reviewers left it."""
    for record in read_examples(span.path, f"{split}-"):
        digest = bytes_feature(record, DIGEST).decode() if span.edits else ""
        if digest not in span.edits.excluded:
            label = span.edits.labels.get(digest)
            yield record if label is None else with_bytes_feature(record, LABEL, label.encode())


def example_values(record: bytes) -> dict[str, Value]:
    """The features of a serialized Example that have one value. Raises ValueError if it is damaged."""
    values = {}
    for _, whole in message_fields(memoryview(record)):
        for _, entry in message_fields(whole):
            parts = dict(message_fields(entry))
            value = _single_value(parts.get(2, memoryview(b"")))
            if value is not None:
                values[bytes(parts[1]).decode()] = value
    return values


def _single_value(feature: memoryview) -> Value | None:
    for kind, values in message_fields(feature):
        lists = [content for number, content in message_fields(values) if number == 1]
        if len(lists) != 1:
            return None
        (content,) = lists
        if kind == _BYTES:
            return bytes(content)
        if kind == _FLOATS:
            return float(struct.unpack("<f", content)[0]) if len(content) == 4 else None
        if kind == _INTS:
            number, end = read_varint(content, 0)
            return (number - (1 << 64) if number >> 63 else number) if end == len(content) else None
    return None
