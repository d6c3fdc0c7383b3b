"""The warm-up requests of a version: TensorFlow Serving reads them, and so do servers without TensorFlow."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flowers_tfx.model.warm_up_pictures import warm_up_pictures
from flowers_tfx.tfrecords import record_file
from flowers_tfx.warm_up_requests import MOST_BYTES, MOST_REQUESTS, read_warm_up_file, warm_up_file

REQUESTS = [[b"one"], [b"two", b"three"], [b"x" * 300]]


def write(folder: Path, content: bytes) -> Path:
    file = folder / "requests"
    file.write_bytes(content)
    return file


def test_tensorflow_serving_reads_them(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    from tensorflow_serving.apis import prediction_log_pb2

    records = list(tf.data.TFRecordDataset(str(write(tmp_path, warm_up_file(REQUESTS)))).as_numpy_iterator())
    logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    assert [log.WhichOneof("log_type") for log in logs] == ["predict_log"] * 3
    requests = [log.predict_log.request for log in logs]
    assert [request.model_spec.signature_name for request in requests] == ["serving_default"] * 3
    tensors = [tf.make_ndarray(request.inputs["image_bytes"]) for request in requests]
    assert [tensor.tolist() for tensor in tensors] == REQUESTS
    assert list(records) == [log.SerializeToString(deterministic=True) for log in logs]


def test_photos_come_back_whoever_wrote_the_file(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    from tensorflow_serving.apis import prediction_log_pb2

    assert read_warm_up_file(write(tmp_path, warm_up_file(REQUESTS))) == [b"one", b"two", b"three", b"x" * 300]
    foreign = prediction_log_pb2.PredictionLog()
    foreign.log_metadata.timestamp_secs = 1_700_000_000
    foreign.log_metadata.sampling_config.sampling_rate = 0.5
    foreign.predict_log.request.model_spec.version.value = 7
    foreign.predict_log.request.output_filter.append("label")
    foreign.predict_log.request.inputs["weight"].CopyFrom(tf.make_tensor_proto([0.5, 0.25]))
    foreign.predict_log.request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto([b"photo"]))
    foreign.predict_log.response.outputs["score"].CopyFrom(tf.make_tensor_proto(1.5, tf.float64))
    other = prediction_log_pb2.PredictionLog()
    other.classify_log.request.model_spec.name = "flowers"
    content = record_file([other.SerializeToString(), foreign.SerializeToString()])
    assert read_warm_up_file(write(tmp_path, content)) == [b"photo"]


@pytest.mark.parametrize(
    "content",
    [
        warm_up_file(REQUESTS)[:-3],
        warm_up_file(REQUESTS)[:100] + b"!" + warm_up_file(REQUESTS)[101:],
        b"<html>" * 10,
        record_file([b"\x32\xff\xff\xff\xff\x0f"]),
        record_file([b"\x32" + b"\xff" * 100_000]),
        record_file([b"\x33"]),
        record_file([b""] * (MOST_REQUESTS + 1)),
    ],
    ids=["cut", "changed", "not records", "too long a field", "endless number", "group", "too many"],
)
def test_a_damaged_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ValueError, match=r"damaged|more than"):
        read_warm_up_file(write(tmp_path, content))


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "requests"
    file.touch()
    os.truncate(file, MOST_BYTES * 1000)
    with pytest.raises(ValueError, match="more than 64 MB"):
        read_warm_up_file(file)


def test_pictures_are_drawn_at_sizes_that_suit_the_network() -> None:
    requests = warm_up_pictures(64)
    assert requests == warm_up_pictures(64), "the same for the same network: a version's digest covers them"
    pictures = [Image.open(io.BytesIO(photo)) for photos in requests for photo in photos]
    assert {picture.format for picture in pictures} == {"JPEG", "PNG"}
    assert len({picture.size for picture in pictures}) > 5
    assert all(np.asarray(picture).std() > 20 for picture in pictures)
    assert sum(len(photo) for photos in warm_up_pictures(224) for photo in photos) < 1_000_000
