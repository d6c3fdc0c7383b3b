"""Backbones by name, weights from files, and what is refused."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import keras
import numpy as np
import pytest
import tensorflow as tf

from flowers_tfx.backbones import BACKBONES, Backbone
from flowers_tfx.config import ModelConfig, parse_config
from flowers_tfx.errors import InputError
from flowers_tfx.model import hardware, signatures
from flowers_tfx.model.backbone_cache import network_name
from flowers_tfx.model.frozen_statistics import FrozenStatistics
from flowers_tfx.model.network import Network, build
from flowers_tfx.model_folder import load_litert

SIZE, CLASSES = 32, 5
SMALL = {"backbone": "MobileNetV2", "alpha": 0.35, "image_size": SIZE, "weights": "none"}


def network_of(seed: int = 0, **changes: Any) -> Network:
    return build(ModelConfig.model_validate(SMALL | changes), CLASSES, seed=seed)


def some_pictures(number: int = 2, size: int = SIZE) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (number, size, size, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a MobileNetV2 0.35 without top, as keras.applications has them, but random."""
    keras.utils.set_random_seed(7)
    path = tmp_path_factory.mktemp("weights") / "v2.weights.h5"
    keras.applications.MobileNetV2((SIZE, SIZE, 3), 0.35, include_top=False, weights=None).save_weights(path)
    return path


@pytest.mark.parametrize("row", BACKBONES, ids=lambda row: row.name)
def test_every_backbone_maps_pictures_to_features_and_logits(row: Backbone) -> None:
    network = network_of(backbone=row.name, alpha=0.75 if row.has_alpha else 1.0)
    features = network.backbone(some_pictures())
    assert len(features.shape) == 2
    logits = network.full(some_pictures(), training=False)
    assert logits.shape == (2, 5)
    assert logits.dtype == tf.float32
    np.testing.assert_allclose(logits, network.head(features, training=False), atol=1e-5)


def test_scaling_is_inside_and_bytes_are_as_good_as_floats() -> None:
    full = network_of().full
    pictures = some_pictures()
    np.testing.assert_array_equal(full(pictures), full(pictures.astype(np.float32)))
    scaled = keras.applications.mobilenet_v2.preprocess_input(pictures.astype(np.float32))
    application = network_of().application
    np.testing.assert_allclose(network_of().backbone(pictures), application(scaled), atol=1e-6)


def test_the_seed_decides_the_weights() -> None:
    first, again, other = (network_of(seed).full.get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_weights_come_from_a_file(weights: Path) -> None:
    network = network_of(weights=str(weights))
    with h5py.File(weights) as stored:
        kernel = np.asarray(stored["layers/conv2d/vars/0"])
    np.testing.assert_array_equal(network.application.get_layer("Conv1").kernel, kernel)


def test_the_layout_counts_and_not_the_name(weights: Path, tmp_path: Path) -> None:
    renamed = tmp_path / "mobilenet.h5"
    renamed.write_bytes(weights.read_bytes())
    expected = network_of(weights=str(weights)).backbone(some_pictures())
    np.testing.assert_array_equal(network_of(weights=str(renamed)).backbone(some_pictures()), expected)


def test_weights_come_from_a_uri(weights: Path) -> None:
    by_uri = network_of(weights=f"file://{weights}")
    by_path = network_of(weights=str(weights))
    np.testing.assert_array_equal(by_uri.backbone(some_pictures()), by_path.backbone(some_pictures()))


def test_weights_of_another_network_are_refused(weights: Path) -> None:
    for other in ({"alpha": 0.5}, {"backbone": "MobileNet"}, {"backbone": "EfficientNetV2B0", "alpha": 1.0}):
        with pytest.raises(InputError, match="does not fit") as caught:
            network_of(**other, weights=str(weights))
        assert "\n" not in str(caught.value)


def test_a_file_that_is_not_a_weights_file_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "weights.h5"
    text.write_text("cos\nsystem\n(S'true'\ntR.", encoding="utf-8")
    empty = tmp_path / "empty.h5"
    h5py.File(empty, "w").close()
    with pytest.raises(InputError, match="not an HDF5 file"):
        network_of(weights=str(text))
    with pytest.raises(InputError, match="does not fit"):
        network_of(weights=str(empty))
    with pytest.raises(InputError, match="does not exist"):
        network_of(weights=str(tmp_path / "nowhere.h5"))
    with pytest.raises(InputError, match="could not be read"):
        network_of(weights=f"file://{tmp_path}/nowhere.h5")


def test_no_network_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(**_options: object) -> None:
        raise Exception("URL fetch failure on https://storage.googleapis.com/x: None -- [Errno -2]\nName not known")

    monkeypatch.setattr(keras.applications, "MobileNetV2", no_network)
    with pytest.raises(InputError, match="could not be downloaded") as caught:
        network_of(weights="imagenet")
    assert "\n" not in str(caught.value)
    assert "model.weights" in caught.value.hint


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"backbone": "ResNet18"}, r"model\.backbone.*ResNet18"),
        (
            {"alpha": 0.4, "weights": "imagenet"},
            r"model\.weights: MobileNetV2 has ImageNet weights for alpha 0\.35, 0\.5.*not for alpha 0\.4",
        ),
        ({"backbone": "MobileNetV3Large", "weights": "imagenet"}, "not for alpha 0.35"),
        ({"alpha": -1.0}, r"model\.alpha.*-1"),
        ({"backbone": "EfficientNetV2B0"}, r"model\.alpha: must be 1\.0, since EfficientNetV2B0 has no width multiplier \(got 0\.35\)"),
        ({"image_size": 31}, r"model\.image_size: MobileNetV2 needs 32 px or more \(got 31\)"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes: dict[str, Any], cause: str) -> None:
    with pytest.raises(InputError, match=cause):
        parse_config({"model": SMALL | changes})


def test_a_default_that_does_not_fit_is_refused_too() -> None:
    """The weights' default; the width's is the backbone's own."""
    assert parse_config({"model": {"backbone": "ConvNeXtTiny"}}).model.alpha == 1.0
    with pytest.raises(InputError, match=r"model\.weights: MobileNetV3Large has ImageNet weights for alpha 0\.75, 1\.0"):
        parse_config({"model": {"backbone": "MobileNetV3Large", "alpha": 0.5}})


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("mobilenet_v1", "MobileNet"),
        ("efficientnetv2-b0", "EfficientNetV2B0"),
        ("ConvNeXt Tiny", "ConvNeXtTiny"),
        ("MobileNetV3-Small", "MobileNetV3Small"),
    ],
)
def test_backbones_are_known_by_several_spellings(spelling: str, name: str) -> None:
    assert parse_config({"model": {"backbone": spelling, "alpha": 1.0}}).model.backbone == name


def test_the_name_of_a_network_has_a_width_where_the_backbone_has_one(weights: Path) -> None:
    with_width, without = SMALL | {"weights": str(weights)}, SMALL | {"backbone": "ConvNeXtTiny", "alpha": 1.0, "weights": "imagenet"}
    assert re.fullmatch("MobileNetV2-0.35-32-[0-9a-f]{16}-halved", network_name(ModelConfig(**with_width)))
    assert network_name(ModelConfig(**without)) == "ConvNeXtTiny-32-imagenet-halved"
    assert network_name(ModelConfig(**SMALL)) == ""


@pytest.mark.parametrize("name", [pytest.param("EfficientNetV2B0", marks=pytest.mark.one_stack), "ConvNeXtTiny"])
def test_networks_that_rescale_pixels_themselves_load_train_and_export(name: str, tmp_path: Path) -> None:
    """Their weights files are those of keras.applications as it saves them."""
    keras.utils.set_random_seed(7)
    application = getattr(keras.applications, name)(include_top=False, weights=None, input_shape=(SIZE, SIZE, 3), pooling="avg")
    path = tmp_path / "application.weights.h5"
    application.save_weights(path)
    network = network_of(backbone=name, alpha=1.0, weights=str(path))
    pictures = some_pictures(4).astype(np.float32)
    np.testing.assert_allclose(network.backbone(pictures), application(pictures), atol=1e-4)

    network.unfreeze(-1)
    frozen = [variable for variable in network.full.variables if "moving_" in variable.path]
    before = [np.array(variable) for variable in frozen]
    kernel = np.array(network.full.trainable_variables[0])
    network.full.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False)
    network.full.fit(pictures, np.arange(4), verbose=0)
    assert all(np.array_equal(old, new) for old, new in zip(before, frozen, strict=True))
    assert not np.array_equal(kernel, network.full.trainable_variables[0])

    labels = [f"class {number}" for number in range(CLASSES)]
    signatures.export(network, SIZE, labels, {}, str(tmp_path / "model"))
    served = tf.saved_model.load(str(tmp_path / "model")).signatures["serving_default"]
    photo = tf.io.encode_png(tf.cast(pictures[0], tf.uint8))
    expected = tf.nn.softmax(network.full(pictures[:1], training=False))
    np.testing.assert_allclose(served(image_bytes=photo[None])["probabilities"], expected, atol=1e-5)

    answers = load_litert(tmp_path / "model").run_batch(pictures.astype(np.uint8))
    whole = np.floor(pictures)
    np.testing.assert_allclose(answers["features"], network.backbone(whole, training=False), atol=1e-3)
    np.testing.assert_allclose(answers["probabilities"], tf.nn.softmax(network.full(whole, training=False)), atol=1e-5)


def test_gradients_by_pictures_pass_through_folded_normalisation(weights: Path) -> None:
    network = network_of(weights=str(weights))
    pictures, upstream = tf.constant(some_pictures(2), tf.float32), tf.constant([[1.0, 0, 0, 0, 0], [0, -1, 0, 0.5, 0]])
    model = signatures.flower_model(network, SIZE, [str(number) for number in range(CLASSES)])
    outputs = model.serving_gradients(pictures, upstream)
    with tf.GradientTape() as tape:
        tape.watch(pictures)
        # The network of keras.applications as it is, with its normalisation layers.
        logits = network.head(network.application(pictures / 127.5 - 1, training=False))
    expected = tape.gradient(logits, pictures, output_gradients=upstream)
    np.testing.assert_allclose(outputs["logits"], logits, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(outputs["gradients"], expected, rtol=0.01, atol=1e-3 * float(tf.reduce_max(tf.abs(expected))))


def test_unfreezing_counts_from_the_end(weights: Path) -> None:
    network = network_of(weights=str(weights))
    layers = network.application.layers
    for wanted, expected in ((0, 0), (-1, len(layers)), (10, 10), (10_000, len(layers))):
        network.unfreeze(wanted)
        trainable = [layer for layer in layers if layer.trainable]
        assert trainable == layers[len(layers) - expected :]


def test_pretrained_statistics_stay_while_their_scale_trains(weights: Path) -> None:
    network = network_of(weights=str(weights))
    network.unfreeze(-1)
    pictures = np.random.default_rng(0).integers(0, 255, (8, 32, 32, 3)).astype(np.float32)
    assert np.array_equal(network.full(pictures, training=True), network.full(pictures, training=False))
    norm = next(x for x in network.application.layers if isinstance(x, keras.layers.BatchNormalization))
    before = np.array(norm.moving_mean)
    network.full.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    network.full.fit(pictures, np.zeros(8), epochs=1, verbose=0)
    assert np.array_equal(before, norm.moving_mean)
    assert any(norm.gamma is variable for variable in network.full.trainable_variables)


@pytest.mark.parametrize("row", BACKBONES, ids=lambda row: row.name)
def test_folded_normalisation_has_the_values_and_gradients_of_the_network(row: Backbone) -> None:
    size, rng = 64, np.random.default_rng(0)
    alpha = {"alpha": 0.75} if row.has_alpha else {}
    plain = getattr(keras.applications, row.name)(
        input_shape=(size, size, 3), include_top=False, weights=None, pooling=row.pooling, **alpha, **row.arguments
    )
    for variable in plain.variables:
        if len(variable.shape) == 1:  # scales, offsets and statistics that are not those of a new layer
            variable.assign(variable + rng.uniform(0.0, 0.2, variable.shape))
    folded = FrozenStatistics(plain)
    assert [id(variable) for variable in folded.variables] == [id(variable) for variable in plain.variables]
    pictures = tf.constant(rng.uniform(-1, 1, (4, size, size, 3)), tf.float32)

    def features_and_gradients(network: Any) -> tuple[np.ndarray, list[np.ndarray]]:
        with tf.GradientTape() as tape:
            features = network(pictures, training=False)
            total = tf.reduce_sum(features * tf.linspace(0.0, 1.0, features.shape[-1]))
        gradients = tape.gradient(total, [variable.value for variable in plain.trainable_variables])
        return np.asarray(features), [np.asarray(gradient) for gradient in gradients]

    (expected, expected_gradients), (features, gradients) = features_and_gradients(plain), features_and_gradients(folded)
    np.testing.assert_allclose(features, expected, atol=1e-5 * np.abs(expected).max())
    for gradient, wanted in zip(gradients, expected_gradients, strict=True):
        assert np.linalg.norm(gradient - wanted) <= 1e-4 * np.linalg.norm(wanted) + 1e-6


def test_folded_normalisation_is_rounded_once_in_mixed_precision(weights: Path) -> None:
    pictures = some_pictures()
    expected = np.asarray(network_of(weights=str(weights)).backbone(pictures))
    with hardware.use_precision("mixed_bfloat16"):
        features = network_of(weights=str(weights)).backbone(pictures)
    assert features.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(features, tf.float32), expected, atol=0.05 * np.abs(expected).max())


def test_no_normalisation_is_left_where_it_follows_a_convolution(weights: Path) -> None:
    """It would cost a third of a training step."""
    network = network_of(weights=str(weights))
    graph = tf.function(network.full).get_concrete_function(tf.TensorSpec([2, SIZE, SIZE, 3])).graph
    activations = [
        op for op in graph.get_operations() if op.type == "Mul" and op.outputs[0].shape.rank == 4 and op.outputs[0].shape[0] == 2
    ]
    assert len(activations) == 1  # the scaling of the pictures


def test_without_weights_normalisation_trains_and_forgets_its_start() -> None:
    network = network_of()
    network.unfreeze(-1)
    norms = [x for x in network.application.layers if isinstance(x, keras.layers.BatchNormalization)]
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
    network = network_of(backbone=backbone, alpha=alpha, image_size=224, weights=os.fspath(shared / "weights" / file))

    def mean_feature(name: str, part: slice) -> np.ndarray:
        photos = sorted((shared / "flower_photos" / name).glob("*.jpg"))[part]
        pictures = [tf.image.resize(tf.io.decode_jpeg(photo.read_bytes(), 3), [224, 224]) for photo in photos]
        return np.asarray(network.backbone(np.stack(pictures))).mean(axis=0)

    daisy, daisy_again = mean_feature("daisy", slice(0, 8)), mean_feature("daisy", slice(8, 16))
    rose = mean_feature("roses", slice(0, 8))
    assert np.linalg.norm(daisy - daisy_again) < 0.8 * np.linalg.norm(daisy - rose)
