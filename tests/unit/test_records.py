from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from flowers_tfx.data.records import Feature, RecordWriter, example_bytes
from flowers_tfx.tfrecords import read_records

VALUES: dict[str, Feature] = {
    "image": bytes(range(256)) * 700,
    "uri": "rosen/größe.jpg",
    "empty": b"",
    "zero": 0,
    "small": 127,
    "large": 1 << 40,
    "negative": -1,
    "half": 0.5,
    "tenth": 0.1,
}


def serialize(records: list[bytes]) -> bytes:
    out = io.BytesIO()
    writer = RecordWriter(out)
    for record in records:
        writer.write(record)
    writer.close()
    return out.getvalue()


def test_examples_are_those_of_tensorflow_byte_for_byte() -> None:
    tf = pytest.importorskip("tensorflow")
    kinds = {bytes: "bytes_list", str: "bytes_list", int: "int64_list", float: "float_list"}
    example = tf.train.Example()
    for key, value in VALUES.items():
        stored = value.encode() if isinstance(value, str) else value
        getattr(example.features.feature[key], kinds[type(value)]).value.append(stored)
    assert tf.train.Example.FromString(example_bytes(VALUES)) == example
    assert example_bytes(VALUES) == example.SerializeToString(deterministic=True)


def test_files_are_read_by_tensorflow_and_beam(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    from apache_beam.io.tfrecordio import _TFRecordUtil

    records = [b"", b"one", bytes(200_000), example_bytes(VALUES)]
    path = tmp_path / "records.tfrecord.gz"
    path.write_bytes(serialize(records))
    assert [bytes(record) for record in tf.data.TFRecordDataset(str(path), compression_type="GZIP").as_numpy_iterator()] == records
    with gzip.open(path) as file:
        assert [_TFRecordUtil.read_record(file) for _ in records] == records
        assert not file.read()


def test_records_are_read_back_and_damage_is_seen() -> None:
    records = [b"", b"one", bytes(200_000), example_bytes(VALUES)]
    plain = gzip.decompress(serialize(records))
    assert list(read_records(io.BytesIO(plain))) == records
    for damaged in (plain[:-1], plain[:20], plain[:5], plain[:40] + b"x" + plain[41:]):
        with pytest.raises(ValueError, match="damaged"):
            list(read_records(io.BytesIO(damaged)))


def test_the_gzip_stream_is_plain_and_dateless() -> None:
    data = serialize([b"x" * 100_000])
    assert data[4:8] == b"\0\0\0\0"
    assert len(gzip.decompress(data)) == 100_016
    assert len(data) < 100_016 + 60
    assert data == serialize([b"x" * 100_000])
    assert gzip.decompress(serialize([])) == b""


def test_the_writer_knows_its_bytes_and_their_sha256() -> None:
    import hashlib

    out = io.BytesIO()
    writer = RecordWriter(out)
    writer.write(b"abc")
    assert writer.close() == hashlib.sha256(out.getvalue()).hexdigest()
    assert writer.bytes == len(out.getvalue())
