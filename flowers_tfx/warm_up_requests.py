"""Requests that a version answers before it serves: `assets.extra/tf_serving_warmup_requests`, in the form that TensorFlow Serving reads.

A TFRecord file of tensorflow_serving.apis.PredictionLog. Neither writing nor reading it needs TensorFlow or its protobuf classes.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from flowers_tfx.tfrecords import field_head, message_fields, read_records, record_file, varint

MOST_REQUESTS = 1000  # TensorFlow Serving's limit
MOST_BYTES = 64_000_000
_INPUT = b"image_bytes"
_SIGNATURE = b"serving_default"
# Numbers of fields, by message.
_PREDICT_LOG = 6  # PredictionLog
_REQUEST = 1  # PredictLog
_MODEL_SPEC, _INPUTS = 1, 2  # PredictRequest
_MODEL_NAME, _SIGNATURE_NAME = 1, 3  # ModelSpec
_KEY, _VALUE = 1, 2  # an entry of a map
_DTYPE, _SHAPE, _STRINGS = 1, 2, 8  # TensorProto
_DIMENSION, _SIZE = 2, 1  # TensorShapeProto and its Dim
_STRING_TYPE = 7  # DT_STRING


def warm_up_file(requests: Iterable[Sequence[bytes]]) -> bytes:
    """The content of the file: one request to `serving_default` for each sequence of photos, JPEG or PNG files."""
    return record_file(_prediction_log(photos) for photos in requests)


def read_warm_up_file(file: Path) -> list[bytes]:
    """The photos of all requests. Raises ValueError for a file that is damaged or too large, OSError if it cannot be read."""
    with file.open("rb") as stream:
        content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES / 1e6:.0f} MB")
    photos: list[bytes] = []
    for number, record in enumerate(read_records(io.BytesIO(content)), 1):
        if number > MOST_REQUESTS:
            raise ValueError(f"more than {MOST_REQUESTS} requests")
        photos += _photos(memoryview(record))
    return photos


def _prediction_log(photos: Sequence[bytes]) -> bytes:
    shape = _field(_DIMENSION, _number(_SIZE, len(photos)))
    tensor = _number(_DTYPE, _STRING_TYPE) + _field(_SHAPE, shape) + b"".join(_field(_STRINGS, photo) for photo in photos)
    spec = _field(_MODEL_NAME, b"flowers") + _field(_SIGNATURE_NAME, _SIGNATURE)
    request = _field(_MODEL_SPEC, spec) + _field(_INPUTS, _field(_KEY, _INPUT) + _field(_VALUE, tensor))
    return _field(_PREDICT_LOG, _field(_REQUEST, request))


def _photos(log: memoryview) -> list[bytes]:
    """Of a request to predict; other kinds of requests, and other inputs, are for the SavedModel's other signatures."""
    inputs = (part for part in _parts(log, _PREDICT_LOG, _REQUEST, _INPUTS))
    tensors = (tensor for entry in inputs if _INPUT in _parts(entry, _KEY) for tensor in _parts(entry, _VALUE))
    return [bytes(photo) for tensor in tensors for photo in _parts(tensor, _STRINGS)]


def _parts(message: memoryview, *path: int) -> list[memoryview]:
    """The contents of all fields that lie at this path of field numbers."""
    messages = [message]
    for number in path:
        messages = [content for outer in messages for field, content in message_fields(outer) if field == number]
    return messages


def _field(number: int, content: bytes) -> bytes:
    return field_head(number, len(content)) + content


def _number(field: int, value: int) -> bytes:
    return bytes((field << 3,)) + varint(value)
