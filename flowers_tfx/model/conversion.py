"""From a Keras network to a LiteRT model, float32: pictures, uint8 [N, s, s, 3], to probabilities and pooled features."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import tensorflow as tf

Function = Callable[[tf.Tensor], dict[str, tf.Tensor]]


def convert(function: Function, variables: Sequence[Any], image_size: int) -> bytes:
    """The .tflite file of a function from float32 pictures of 0..255, [N, s, s, 3], to named vectors; its input is uint8.

    `variables`: the Keras variables that the function reads. The batch is written as 1 and can be resized.
    """
    pictures = tf.TensorSpec([1, image_size, image_size, 3], tf.uint8, name="pictures")

    @tf.function(input_signature=[pictures])
    def serving_default(pictures: tf.Tensor) -> dict[str, tf.Tensor]:
        return function(tf.cast(pictures, tf.float32))

    module = tf.Module()
    module.weights = [variable.value for variable in variables]
    module.serving_default = serving_default
    with tempfile.TemporaryDirectory() as folder, _quiet():
        # From a folder: on TensorFlow 2.16 the conversion of a Keras 3 model in memory fails.
        tf.saved_model.save(module, folder, signatures={"serving_default": serving_default})
        converted: bytes = tf.lite.TFLiteConverter.from_saved_model(folder).convert()
    return converted


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without TensorFlow's lines of what it saves and converts."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
