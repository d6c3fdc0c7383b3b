"""The signature of gradients in an exported model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")
import tensorflow as tf

from flowers_tfx.model.recognition import Recognition
from flowers_tfx.model.signatures import export
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
