"""From a Keras network to a LiteRT model, float32 or int8: one picture, uint8 [1, s, s, 3], to named vectors, float32 [1, n]."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from flowers_tfx.litert import Pictures

Function = Callable[[tf.Tensor], dict[str, tf.Tensor]]


def convert(function: Function, variables: Sequence[Any], image_size: int, representative: Pictures | None = None) -> bytes:
    """The .tflite file of a function from float32 pictures of 0..255, [N, s, s, 3], to named vectors; its input is uint8.

    `variables`: the Keras variables that the function reads. The batch is written as 1 and can be resized. With `representative` pictures,
    uint8 [N, s, s, 3], it computes in int8, with the ranges of values that occur for these; its outputs are float32 all the same.
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
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if representative is not None:
            _quantize(converter, representative)
        converted: bytes = converter.convert()
    return converted


def _quantize(converter: tf.lite.TFLiteConverter, representative: Pictures) -> None:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([picture[np.newaxis]] for picture in representative)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8


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
