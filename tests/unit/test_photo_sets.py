from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from flowers_tfx.data.example_files import example_values, read_examples
from flowers_tfx.data.network_picture import prepare_picture
from flowers_tfx.data.pictures import open_picture
from flowers_tfx.data.records import example_bytes
from flowers_tfx.explain.photo_sets import first_of_each_class, read_photo_set
from flowers_tfx.features import PROPERTY_NAMES
from flowers_tfx.tfrecords import record_file
from tests.conftest import small_photo
from tests.unit.test_records import VALUES

LABELS = ("daisy", "roses", "tulips")


def example(seed: int, label: str) -> bytes:
    photo = small_photo(seed)
    measured = {"mean_luma": 90.5, "grayscale": 0, "format": "JPEG"}
    return example_bytes(
        {"image": photo, "digest": hashlib.sha256(photo).hexdigest(), "uri": f"{label}/{seed}.jpg", "label": label, "span": 1, **measured}
    )


def examples() -> Iterator[bytes]:
    """Twelve daisies, two roses, and a class that the model does not know."""
    yield from (example(seed, "daisy") for seed in range(12))
    yield from (example(seed, "roses") for seed in (20, 21))
    yield example(30, "weeds")


def test_every_single_value_of_an_example_is_read() -> None:
    expected = {name: value.encode() if isinstance(value, str) else value for name, value in VALUES.items()}
    values = example_values(example_bytes(VALUES))
    assert values == {**expected, "tenth": pytest.approx(0.1)}


def test_of_tensorflows_examples_lists_of_several_values_are_left_out() -> None:
    tf = pytest.importorskip("tensorflow")
    message = tf.train.Example()
    message.features.feature["one"].int64_list.value.append(-7)
    message.features.feature["two"].int64_list.value.extend((1, 2))
    message.features.feature["floats"].float_list.value.extend((1.0, 2.0))
    message.features.feature["bytes"].bytes_list.value.extend((b"a", b"b"))
    message.features.feature["none"].bytes_list.SetInParent()
    assert example_values(message.SerializeToString()) == {"one": -7}


def test_the_files_of_one_split_are_read(tmp_path: Path) -> None:
    for name, records in (("test-0.tfrecord.gz", [b"a", b"b"]), ("test-1.tfrecord.gz", [b"c"]), ("train-0.tfrecord.gz", [b"d"])):
        (tmp_path / name).write_bytes(gzip.compress(record_file(records)))
    assert list(read_examples(tmp_path, "test-")) == [b"a", b"b", b"c"]


def test_photos_are_those_that_the_network_sees_in_the_order_of_their_digests() -> None:
    progress: list[tuple[int, int]] = []
    photos = read_photo_set(examples, LABELS, 32, 5, lambda done, total: progress.append((done, total)))
    assert len(photos) == 14
    digests = [photo.digest for photo in photos.photos]
    assert digests == sorted(digests)
    assert progress[-1] == (14, 14)
    for index, photo in enumerate(photos.photos):
        label, seed = photo.uri.removesuffix(".jpg").split("/")
        assert LABELS[photos.truth[index]] == label
        picture = open_picture(small_photo(int(seed)), None)
        assert photo.size == picture.size == (48, 40)
        assert np.array_equal(photos.pictures[index], prepare_picture(picture, 32))
    assert set(photos.photos[0].properties) == set(PROPERTY_NAMES)
    properties = photos.photos[0].properties
    assert (properties["mean_luma"], properties["grayscale"], properties["format"], properties["capture_month"]) == (90.5, 0, "JPEG", None)


def test_of_too_many_photos_each_class_keeps_some_and_the_smallest_digests_fill_up() -> None:
    whole = read_photo_set(examples, LABELS, 32, 2, lambda done, total: None)
    some = read_photo_set(examples, LABELS, 32, 2, lambda done, total: None, most=6)
    chosen = {photo.digest for photo in some.photos}
    by_class = {label: [p.digest for p, t in zip(whole.photos, whole.truth, strict=True) if LABELS[t] == label] for label in LABELS}
    assert chosen == {*by_class["roses"], *by_class["daisy"][:4]}
    assert [some.photos[index].digest for index in first_of_each_class(some, 2, LABELS)] == sorted(
        [*by_class["roses"], *by_class["daisy"][:2]]
    )


def test_a_split_without_photos_of_the_model_is_an_empty_set() -> None:
    photos = read_photo_set(lambda: iter([example(30, "weeds")]), LABELS, 32, 5, lambda done, total: None)
    assert len(photos) == 0
    assert photos.pictures.shape == (0, 32, 32, 3)
    assert first_of_each_class(photos, 3, LABELS) == []
