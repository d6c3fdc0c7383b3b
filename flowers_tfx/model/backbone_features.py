"""Features of training pictures from the frozen backbone, on a CPU: LiteRT computes them faster than TensorFlow."""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt

from flowers_tfx.config.training import ModelConfig
from flowers_tfx.litert import FEATURES
from flowers_tfx.model.backbone_cache import load_backbone
from flowers_tfx.model.backbone_conversion import convert_features
from flowers_tfx.model.splits import CachedSplit
from flowers_tfx.progress import ProgressCallback
from flowers_tfx.threads import map_in_threads

_REPORT_EVERY = 64  # pictures


def backbone_features(
    model: ModelConfig, backbone: keras.Model, pictures: CachedSplit, progress: ProgressCallback
) -> npt.NDArray[np.float32]:
    """float32 [N, F], in the order of the split. `backbone`: the network of `model` in float32 with its pretrained weights, which is
    converted if the cache lacks it: to build it once more would draw random numbers, and training would go on with others."""
    litert = load_backbone(model, lambda: convert_features(backbone, model.image_size))
    one_by_one = (picture for batch, _ in pictures.in_order(_REPORT_EVERY).as_numpy_iterator() for picture in batch)
    features = np.empty((pictures.number, litert.outputs[FEATURES]), np.float32)
    for number, vectors in enumerate(map_in_threads(litert, one_by_one)):
        features[number] = vectors[FEATURES]
        if (number + 1) % _REPORT_EVERY == 0 or number + 1 == pictures.number:
            progress(number + 1, pictures.number)
    return features
