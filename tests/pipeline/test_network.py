"""Backbones by name, weights from files, and what is refused."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import h5py  # type: ignore[import-untyped]
import keras
import numpy as np
import pytest
import tensorflow as tf

from flowers_tfx.errors import InputError
from flowers_tfx.model.network import BACKBONES, NetworkSettings, build, check

SIZE = 32
SMALL = NetworkSettings("MobileNetV2", 0.35, SIZE, "none", 5)


def some_pictures(number: int = 2, size: int = SIZE) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (number, size, size, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a MobileNetV2 0.35 without top, as keras.applications has them, but random."""
    keras.utils.set_random_seed(7)
    path = tmp_path_factory.mktemp("weights") / "v2.weights.h5"
    keras.applications.MobileNetV2((SIZE, SIZE, 3), 0.35, include_top=False, weights=None).save_weights(path)
    return path


@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_backbone_maps_pictures_to_features_and_logits(backbone: str) -> None:
    network = build(replace(SMALL, backbone=backbone, alpha=0.75))
    features = network.backbone(some_pictures())
    assert len(features.shape) == 2
    logits = network.full(some_pictures(), training=False)
    assert logits.shape == (2, 5)
    assert logits.dtype == tf.float32
    np.testing.assert_allclose(logits, network.head(features, training=False), atol=1e-5)


def test_scaling_is_inside_and_bytes_are_as_good_as_floats() -> None:
    full = build(SMALL).full
    pictures = some_pictures()
    np.testing.assert_array_equal(full(pictures), full(pictures.astype(np.float32)))
    scaled = keras.applications.mobilenet_v2.preprocess_input(pictures.astype(np.float32))
    inner = build(SMALL).convolutional
    np.testing.assert_allclose(build(SMALL).backbone(pictures), inner(scaled), atol=1e-6)


def test_the_seed_decides_the_weights() -> None:
    first, again, other = (build(SMALL, seed=seed).full.get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_weights_come_from_a_file(weights: Path) -> None:
    network = build(replace(SMALL, weights=str(weights)))
    with h5py.File(weights) as stored:
        kernel = np.asarray(stored["layers/conv2d/vars/0"])
    np.testing.assert_array_equal(network.convolutional.get_layer("Conv1").kernel, kernel)


def test_the_layout_counts_and_not_the_name(weights: Path, tmp_path: Path) -> None:
    renamed = tmp_path / "mobilenet.h5"
    renamed.write_bytes(weights.read_bytes())
    expected = build(replace(SMALL, weights=str(weights))).backbone(some_pictures())
    np.testing.assert_array_equal(build(replace(SMALL, weights=str(renamed))).backbone(some_pictures()), expected)


def test_weights_come_from_a_uri(weights: Path) -> None:
    by_uri = build(replace(SMALL, weights=f"file://{weights}"))
    by_path = build(replace(SMALL, weights=str(weights)))
    np.testing.assert_array_equal(by_uri.backbone(some_pictures()), by_path.backbone(some_pictures()))


def test_weights_of_another_network_are_refused(weights: Path) -> None:
    for other in (replace(SMALL, alpha=0.5), replace(SMALL, backbone="MobileNet"), replace(SMALL, backbone="MobileNetV3Small")):
        with pytest.raises(InputError, match="does not fit") as caught:
            build(replace(other, weights=str(weights)))
        assert "\n" not in str(caught.value)


def test_a_file_that_is_no_weights_file_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "weights.h5"
    text.write_text("cos\nsystem\n(S'true'\ntR.", encoding="utf-8")
    empty = tmp_path / "empty.h5"
    h5py.File(empty, "w").close()
    with pytest.raises(InputError, match="not an HDF5 file"):
        build(replace(SMALL, weights=str(text)))
    with pytest.raises(InputError, match="does not fit"):
        build(replace(SMALL, weights=str(empty)))
    with pytest.raises(InputError, match="does not exist"):
        build(replace(SMALL, weights=str(tmp_path / "nowhere.h5")))
    with pytest.raises(InputError, match="could not be read"):
        build(replace(SMALL, weights=f"file://{tmp_path}/nowhere.h5"))


def test_no_network_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(**_options: object) -> None:
        raise Exception("URL fetch failure on https://storage.googleapis.com/x: None -- [Errno -2]\nName not known")

    monkeypatch.setattr(keras.applications, "MobileNetV2", no_network)
    with pytest.raises(InputError, match="could not be downloaded") as caught:
        build(replace(SMALL, weights="imagenet"))
    assert "\n" not in str(caught.value)
    assert "model.weights" in caught.value.hint


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        (replace(SMALL, backbone="ResNet50"), "ResNet50"),
        (replace(SMALL, alpha=0.4, weights="imagenet"), "alpha 0.4"),
        (replace(SMALL, backbone="MobileNetV3Large", weights="imagenet"), "alpha 0.35"),
        (replace(SMALL, alpha=-1.0), "alpha -1.0"),
        (replace(SMALL, image_size=31), "image_size 31"),
        (replace(SMALL, classes=1), "two classes"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: NetworkSettings, cause: str) -> None:
    with pytest.raises(InputError, match=cause):
        check(settings)


def test_unfreezing_counts_from_the_end(weights: Path) -> None:
    network = build(replace(SMALL, weights=str(weights)))
    layers = network.convolutional.layers
    for wanted, expected in ((0, 0), (-1, len(layers)), (10, 10), (10_000, len(layers))):
        network.unfreeze(wanted)
        trainable = [layer for layer in layers if layer.trainable]
        assert trainable == layers[len(layers) - expected :]


def test_pretrained_statistics_stay_while_their_scale_trains(weights: Path) -> None:
    network = build(replace(SMALL, weights=str(weights)))
    network.unfreeze(-1)
    pictures = np.random.default_rng(0).integers(0, 255, (8, 32, 32, 3)).astype(np.float32)
    assert np.array_equal(network.full(pictures, training=True), network.full(pictures, training=False))
    norm = next(x for x in network.convolutional.layers if isinstance(x, keras.layers.BatchNormalization))
    before = np.array(norm.moving_mean)
    network.full.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    network.full.fit(pictures, np.zeros(8), epochs=1, verbose=0)
    assert np.array_equal(before, norm.moving_mean)
    assert any(norm.gamma is variable for variable in network.full.trainable_variables)


def test_without_weights_normalisation_trains_and_forgets_its_start() -> None:
    network = build(SMALL)
    network.unfreeze(-1)
    norms = [x for x in network.convolutional.layers if isinstance(x, keras.layers.BatchNormalization)]
    assert norms
    assert all(norm.trainable and norm.momentum <= 0.9 for norm in norms)


@pytest.mark.photos
@pytest.mark.parametrize(
    ("backbone", "alpha", "file"),
    [
        ("MobileNetV2", 0.35, "mobilenet_v2_0.35_224_imagenet_no_top.weights.h5"),
        ("MobileNet", 0.25, "mobilenet_v1_0.25_224_imagenet_no_top.weights.h5"),
    ],
)
def test_imagenet_weights_tell_flowers_apart(shared: Path, backbone: str, alpha: float, file: str) -> None:
    """Features of two daisies are closer than those of a daisy and a rose: the weights are in the right places."""
    network = build(NetworkSettings(backbone, alpha, 224, os.fspath(shared / "weights" / file), 5))

    def mean_feature(name: str, part: slice) -> np.ndarray:
        photos = sorted((shared / "flower_photos" / name).glob("*.jpg"))[part]
        pictures = [tf.image.resize(tf.io.decode_jpeg(photo.read_bytes(), 3), [224, 224]) for photo in photos]
        return np.asarray(network.backbone(np.stack(pictures))).mean(axis=0)

    daisy, daisy_again = mean_feature("daisy", slice(0, 8)), mean_feature("daisy", slice(8, 16))
    rose = mean_feature("roses", slice(0, 8))
    assert np.linalg.norm(daisy - daisy_again) < 0.8 * np.linalg.norm(daisy - rose)
