"""The signature of gradients in an exported model, what reads it, and the model with random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")
import tensorflow as tf

from flowers_tfx.errors import InputError
from flowers_tfx.litert import FEATURES
from flowers_tfx.model.gradients import load_gradients
from flowers_tfx.model.recognition import Recognition
from flowers_tfx.model.signatures import export
from flowers_tfx.model_folder import load_litert
from tests.unit.small_network import LABELS, SIZE, SmallNetwork

TEMPERATURE = 1.7
PICTURES = np.random.default_rng(0).uniform(0, 255, (3, SIZE, SIZE, 3)).astype(np.float32)
WEIGHTS = np.array([[1, 0, 0], [0, -2, 0.5], [-0.5, -0.5, 1]], np.float32)


@pytest.fixture(scope="module")
def network() -> SmallNetwork:
    return SmallNetwork(7)


@pytest.fixture(scope="module")
def model(network: SmallNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "1"
    export(network, SIZE, LABELS, {}, str(folder), recognition=Recognition(TEMPERATURE))
    return folder


@pytest.fixture(scope="module")
def signature(model: Path) -> tf.types.experimental.ConcreteFunction:
    loaded = tf.saved_model.load(str(model))
    signature = loaded.signatures["serving_gradients"]
    signature.loaded = loaded  # it works only as long as the model lives
    return signature


def test_gradients_and_logits_are_those_of_the_keras_network(
    network: SmallNetwork, signature: tf.types.experimental.ConcreteFunction
) -> None:
    outputs = signature(pictures=tf.constant(PICTURES), weights=tf.constant(WEIGHTS))
    pictures = tf.constant(PICTURES)
    with tf.GradientTape() as tape:
        tape.watch(pictures)
        logits = network.head(network.backbone(pictures)) / TEMPERATURE
        value = tf.reduce_sum(WEIGHTS * logits)
    np.testing.assert_allclose(outputs["logits"], logits, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(outputs["gradients"], tape.gradient(value, pictures), rtol=1e-4, atol=1e-8)


def test_gradients_are_the_slopes_of_the_logits(signature: tf.types.experimental.ConcreteFunction) -> None:
    """Finite differences in random directions, picture by picture: a batch does not mix its rows."""
    weights = tf.constant(WEIGHTS)

    def values(pictures: np.ndarray) -> np.ndarray:
        logits = signature(pictures=tf.constant(pictures.astype(np.float32)), weights=weights)["logits"].numpy()
        return (WEIGHTS * logits.astype(np.float64)).sum(axis=1)

    gradients = signature(pictures=tf.constant(PICTURES), weights=weights)["gradients"].numpy()
    # Towards one corner in each picture, so that the slope is far above the rounding of float32.
    directions = np.sign(gradients)
    slopes = (values(PICTURES + 0.5 * directions) - values(PICTURES - 0.5 * directions)) / 1.0
    np.testing.assert_allclose((gradients * directions).sum(axis=(1, 2, 3)), slopes, rtol=0.02)


def test_logits_are_those_whose_softmax_is_served(model: Path, signature: tf.types.experimental.ConcreteFunction) -> None:
    whole = np.floor(PICTURES)
    photos = tf.stack([tf.io.encode_png(picture.astype(np.uint8)) for picture in whole])
    served = tf.saved_model.load(str(model)).signatures["serving_default"](image_bytes=photos)["probabilities"]
    logits = signature(pictures=tf.constant(whole), weights=tf.constant(WEIGHTS))["logits"]
    np.testing.assert_allclose(tf.nn.softmax(logits), served, atol=1e-6)


def test_the_saved_model_answers_in_batches_as_its_signature_does(model: Path, signature: tf.types.experimental.ConcreteFunction) -> None:
    gradients = load_gradients(model)
    assert (gradients.labels, gradients.image_size) == (LABELS, SIZE)
    pictures, weights = np.tile(PICTURES, (7, 1, 1, 1)), np.tile(WEIGHTS, (7, 1))
    outputs = signature(pictures=tf.constant(pictures), weights=tf.constant(weights))
    answered = gradients(pictures, weights)
    np.testing.assert_allclose(answered.gradients, outputs["gradients"], rtol=1e-4, atol=1e-8)
    np.testing.assert_allclose(answered.logits, outputs["logits"], rtol=1e-5, atol=1e-6)
    nothing = gradients(pictures[:0], weights[:0])
    assert (nothing.gradients.shape, nothing.logits.shape) == ((0, SIZE, SIZE, 3), (0, len(LABELS)))


def test_the_head_turns_features_into_logits(model: Path) -> None:
    gradients = load_gradients(model)
    features = load_litert(model).run_batch(PICTURES.astype(np.uint8))[FEATURES]
    logits = gradients(np.floor(PICTURES), WEIGHTS).logits
    np.testing.assert_allclose(features @ gradients.head.weights + gradients.head.bias, logits, rtol=1e-4, atol=1e-5)


def test_random_weights_come_from_the_head_downwards(model: Path) -> None:
    gradients = load_gradients(model)
    assert gradients.layers == 2
    trained = gradients(PICTURES, WEIGHTS)
    none, head, both = (gradients.randomised(layers) for layers in range(3))
    np.testing.assert_array_equal(none(PICTURES, WEIGHTS).logits, trained.logits)
    assert not np.allclose(head.head.weights, gradients.head.weights)
    np.testing.assert_array_equal(head.head.weights, both.head.weights)
    assert not np.allclose(head(PICTURES, WEIGHTS).logits, both(PICTURES, WEIGHTS).logits)
    # Drawn with the scale of what was trained, and nothing of the model itself has changed.
    assert np.std(head.head.weights) == pytest.approx(np.std(gradients.head.weights), rel=0.5)
    np.testing.assert_array_equal(gradients(PICTURES, WEIGHTS).logits, trained.logits)


def test_random_weights_follow_from_the_seed(model: Path) -> None:
    gradients = load_gradients(model)
    first, again, other = (gradients.randomised(2, seed)(PICTURES, WEIGHTS).gradients for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_an_older_model_has_no_gradients(model: Path, tmp_path: Path) -> None:
    loaded = tf.saved_model.load(str(model))
    older = tmp_path / "17"
    tf.saved_model.save(loaded, str(older), signatures={"serving_default": loaded.signatures["serving_default"]})
    (older / "assets.extra").mkdir()
    (older / "assets.extra" / "labels.txt").write_text("\n".join(LABELS))
    with pytest.raises(InputError, match="Version 17 has no gradients") as error:
        load_gradients(older)
    assert "--method rise" in error.value.hint


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a model of this program"):
        load_gradients(tmp_path)
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "assets.extra" / "labels.txt").write_text("\n".join(LABELS))
    with pytest.raises(InputError, match="is not a model of this program"):
        load_gradients(tmp_path)
