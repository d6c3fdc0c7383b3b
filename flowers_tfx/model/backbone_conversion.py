"""From a pretrained backbone to a LiteRT model, float32: one picture, uint8 [1, s, s, 3], to pooled features, float32 [1, F]."""

from __future__ import annotations

import keras

from flowers_tfx.config.training import ModelConfig
from flowers_tfx.litert import FEATURES
from flowers_tfx.model.conversion import convert
from flowers_tfx.model.network import build_backbone


def convert_backbone(model: ModelConfig) -> bytes:
    """The .tflite file of the backbone with its weights. Raises InputError if the weights do not fit or cannot be read."""
    return convert_features(build_backbone(model), model.image_size)


def convert_features(backbone: keras.Model, image_size: int) -> bytes:
    """The .tflite file of a Keras model from pictures to features."""
    return convert(lambda pictures: {FEATURES: backbone(pictures, training=False)}, backbone.variables, image_size)
