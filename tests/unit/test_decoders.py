"""Every kind of file is either refused with a reason, or measured, transformed and served as the same pixels."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from flowers_tfx.data.network_picture import prepare_picture
from flowers_tfx.data.pictures import BadPicture, decode, open_picture
from flowers_tfx.data.pixel_sample import sample_pixels
from flowers_tfx.inference.answer import Unreadable
from flowers_tfx.inference.predictor import Prediction, Predictor
from flowers_tfx.model.picture_graph import prepare_pictures
from flowers_tfx.model.preprocessing import PICTURE, preprocessing_fn
from flowers_tfx.model.signatures import export
from tests.conftest import ROOT
from tests.unit import photo_kinds
from tests.unit.photo_kinds import SIDE, Kind

LIMIT = 50_000_000
KINDS = photo_kinds.kinds()
TAKEN = [kind for kind in KINDS if not kind.refused]
LABELS = [str(number) for number in range(SIDE * SIDE * 3)]


def measured(data: bytes) -> np.ndarray:
    """The pixels that the image properties are computed from."""
    return np.asarray(decode(open_picture(data, LIMIT)).convert("RGB")).astype(int)


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
def transform(photos: tf.Tensor) -> tf.Tensor:
    config = {"image_size": SIDE, "labels": ["daisy"]}
    return preprocessing_fn({"image": photos, "label": tf.fill(tf.shape(photos), "daisy")}, config)[PICTURE]


def transformed(data: bytes) -> np.ndarray:
    return tf.io.parse_tensor(transform(tf.constant([data]))[0], tf.uint8).numpy().astype(int)


class Layer:
    """A function without weights."""

    variables: tuple[tf.Variable, ...] = ()

    def __init__(self, function: Callable[[tf.Tensor], tf.Tensor]) -> None:
        self._function = function

    def __call__(self, inputs: tf.Tensor, training: bool) -> tf.Tensor:
        return self._function(inputs)


class PixelNetwork:
    """A network without weights whose logits are the pixels, so that its probabilities say what it saw."""

    backbone = Layer(lambda pictures: tf.reshape(pictures, [-1, SIDE * SIDE * 3]))
    head = Layer(lambda pixels: pixels / 16)


@pytest.fixture(scope="module")
def predictors(tmp_path_factory: pytest.TempPathFactory) -> list[Predictor]:
    """The same model with LiteRT and with TensorFlow."""
    folder = tmp_path_factory.mktemp("registry") / "1"
    export(PixelNetwork(), SIDE, LABELS, {}, str(folder))
    return [Predictor(folder, LIMIT, engine) for engine in ("litert", "savedmodel")]


def served(prediction: Prediction, brightest: int) -> np.ndarray:
    """The pixels that the served model saw, from its probabilities; these are the same for pictures that differ by a constant."""
    logits = np.log(np.array([prediction.probabilities[label] for label in LABELS]))
    return np.rint(brightest + 16 * (logits - logits.max())).reshape(SIDE, SIDE, 3).astype(int)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_is_refused_with_a_reason_or_seen_alike(kind: Kind, predictors: list[Predictor]) -> None:
    data = kind.make()
    results = [result for predictor in predictors for result in predictor.predict([data])]
    if kind.refused:
        with pytest.raises(BadPicture) as refusal:
            sample_pixels(data, LIMIT)
        assert str(refusal.value).startswith(kind.refused)
        assert results == [Unreadable(str(refusal.value))] * 2
        return
    pixels = measured(data)
    assert np.abs(transformed(data) - pixels).max() <= kind.tolerance
    for result in results:
        assert isinstance(result, Prediction)
        assert np.abs(served(result, transformed(data).max()) - transformed(data)).max() == 0
    if kind.upright is not None:
        assert np.abs(pixels - np.asarray(kind.upright).astype(int)).mean() < 6


def test_the_scene_tells_all_orientations_apart() -> None:
    upright = np.asarray(photo_kinds.scene()).astype(int)
    turned = [np.asarray(photo_kinds.turned(n)).astype(int) for n in range(2, 9)]
    assert min(np.abs(picture - upright).mean() for picture in turned) > 20


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("turn", [photo_kinds.png_with_exif, photo_kinds.png_with_xmp, photo_kinds.jpeg_with_exif])
def test_width_and_height_are_those_of_the_upright_picture(orientation: int, turn: Callable[..., bytes]) -> None:
    photo = sample_pixels(turn(photo_kinds.scene().resize((64, 16)), orientation), LIMIT)
    assert (photo.width_px, photo.height_px) == ((64, 16) if orientation < 5 else (16, 64))
    assert photo.exif_orientation == orientation


def damaged(data: bytes, seed: int) -> Iterator[bytes]:
    """Cut off at every sixteenth, and with some bytes replaced."""
    yield from (data[: len(data) * part // 16] for part in range(1, 16))
    numbers = random.Random(seed)
    for _ in range(15):
        broken = bytearray(data)
        for _ in range(numbers.choice((1, 1, 2, 5))):
            broken[numbers.randrange(len(broken))] = numbers.randrange(256)
        yield bytes(broken)


@pytest.mark.parametrize("kind", [kind for kind in TAKEN if kind.upright is None], ids=lambda kind: kind.name)
def test_a_damaged_file_that_is_taken_is_seen_alike(kind: Kind) -> None:
    graph = tf.function(lambda photos: prepare_pictures(photos, SIDE), input_signature=[tf.TensorSpec([None], tf.string)])
    for data in damaged(kind.make(), len(kind.name)):
        try:
            pixels = measured(data)
        except BadPicture:
            continue
        picture = graph(tf.constant([data]))[0].numpy().astype(int)
        if pixels.shape == picture.shape:  # else the size in its header is damaged
            # Versions of libjpeg smooth what is missing of a progressive JPEG differently.
            assert np.abs(picture - pixels).max() <= 4


def test_a_broken_orientation_is_broken_for_both() -> None:
    """Whatever stands in the metadata, both sides turn the picture alike."""
    makers = (photo_kinds.png_with_exif, photo_kinds.png_with_xmp, photo_kinds.jpeg_with_exif)
    numbers = random.Random(7)
    graph = tf.function(lambda photos: prepare_pictures(photos, SIDE), input_signature=[tf.TensorSpec([None], tf.string)])
    photos = []
    for maker in makers:
        data = maker(photo_kinds.scene(), 6)
        start = max(data.find(mark) for mark in (b"MM\0*", b"II*\0", b"tiff:"))
        for _ in range(60):
            broken = bytearray(data)
            for _ in range(numbers.choice((1, 1, 3))):
                broken[start + numbers.randrange(26)] = numbers.choice((0, 1, 3, 6, 8, 18, 255, ord("'"), ord("8"), ord(" ")))
            photos.append(photo_kinds.with_correct_checksums(bytes(broken)))
    for data, picture in zip(photos, graph(tf.constant(photos)).numpy().astype(int), strict=True):
        assert np.abs(picture - measured(data)).max() == 0


def test_real_odd_files_are_seen_alike_or_refused(shared: Path) -> None:
    for path in sorted((shared / "nasty").iterdir()):
        data = path.read_bytes()
        try:
            photo = sample_pixels(data, LIMIT)
        except BadPicture:
            continue
        upright = decode(open_picture(data, LIMIT))
        assert upright.size == (photo.width_px, photo.height_px), path.name
        picture = prepare_picture(open_picture(data, LIMIT), SIDE)
        assert np.array_equal(prepare_pictures(tf.constant([data]), SIDE)[0].numpy(), picture), path.name


def test_the_page_is_the_table() -> None:
    page = (ROOT / "docs" / "pictures-taken.md").read_text(encoding="utf-8")
    assert page == photo_kinds.page(), "python -m tests.unit.photo_kinds > docs/pictures-taken.md"
