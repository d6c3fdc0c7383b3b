"""Photos picked out of a span's shards by their digest."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from flowers_tfx.data.records import RecordWriter, bytes_feature, example_bytes
from flowers_tfx.data.span_pictures import span_pictures
from flowers_tfx.errors import InputError
from flowers_tfx.tfrecords import read_records
from tests.conftest import ROOT

# Of photos: empty, shorter and longer than a block, and so that records end near the ends of blocks.
SIZES = (0, 1, 500, 5_000, *range(65_200, 65_700, 7), 131_070, 300_000)
SHARD = "train-00000-of-00002.tfrecord.gz"


def photo_of(size: int) -> bytes:
    return np.random.default_rng(size).bytes(size)


def digest_of(size: int) -> str:
    return hashlib.sha256(photo_of(size)).hexdigest()


@pytest.fixture
def span(tmp_path: Path) -> Path:
    for shard in range(2):
        with (tmp_path / f"train-0000{shard}-of-00002.tfrecord.gz").open("wb") as out:
            writer = RecordWriter(out)
            for size in SIZES[shard::2]:
                row = {
                    "capture_time": "2026:05:01 10:00:00",
                    "aspect_ratio": 1.5,
                    "digest": digest_of(size),
                    "label": "roses",
                    "uri": "a/b",
                }
                writer.write(example_bytes({**row, "image": photo_of(size), "span": 3}))
            writer.close()
    return tmp_path


@pytest.mark.parametrize("size", SIZES)
def test_one_photo_is_found(span: Path, size: int) -> None:
    assert list(span_pictures(span, [digest_of(size)])) == [(digest_of(size), photo_of(size))]


def test_all_photos_are_those_that_gzip_and_the_records_give(span: Path) -> None:
    expected = {}
    for shard in sorted(span.iterdir()):
        with gzip.open(shard) as file:
            expected |= {bytes_feature(record, "digest").decode(): bytes_feature(record, "image") for record in read_records(file)}
    assert dict(span_pictures(span, map(digest_of, SIZES))) == expected


def test_digests_that_the_span_lacks_are_left_out(span: Path) -> None:
    assert [digest for digest, _ in span_pictures(span, ["0" * 64, digest_of(500), "x"])] == [digest_of(500)]
    assert list(span_pictures(span, [])) == []


def test_the_bytes_of_other_photos_are_not_read(span: Path) -> None:
    data = bytearray((span / SHARD).read_bytes())
    at = data.index(photo_of(SIZES[2]))
    data[at : at + 10] = bytes(10)
    (span / SHARD).write_bytes(data)
    assert dict(span_pictures(span, [digest_of(300_000), digest_of(0)]))
    with pytest.raises(InputError, match="checksum is wrong"):
        list(span_pictures(span, [digest_of(SIZES[2])]))


@pytest.mark.parametrize("kept", [0, 5, 12, 30, 200, 70_000])
def test_a_truncated_shard_is_one_sentence(span: Path, kept: int) -> None:
    (span / SHARD).write_bytes((span / SHARD).read_bytes()[:kept])
    with pytest.raises(InputError, match="is damaged"):
        list(span_pictures(span, map(digest_of, SIZES)))


def test_a_shard_of_another_writer_is_one_sentence(span: Path) -> None:
    (span / SHARD).write_bytes(gzip.compress(b"photos"))
    with pytest.raises(InputError, match="does not begin as a shard does"):
        list(span_pictures(span, [digest_of(0)]))


def test_tensorflow_is_not_loaded(span: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from flowers_tfx.review.sides import read_span_photos
from flowers_tfx.data.span_pictures import span_pictures
assert list(span_pictures(Path({str(span)!r}), [{digest_of(500)!r}]))
sys.exit("tensorflow" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
