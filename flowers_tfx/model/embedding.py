"""Embeddings: the features of a photo that the frozen backbone computes. Photos with close embeddings show similar things."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from flowers_tfx import storage
from flowers_tfx.backbones import find_backbone
from flowers_tfx.config.training import ModelConfig
from flowers_tfx.errors import InputError
from flowers_tfx.model.network import build_backbone
from flowers_tfx.model.picture_graph import prepare_pictures

_BATCH = 32
_PICTURE = "halved"  # how the network's picture is made (docs/adr/0017); embeddings of pictures that are made otherwise do not compare


class Embedder:
    """Pooled features of a pretrained backbone. Raises InputError if it has no weights or they cannot be read."""

    def __init__(self, model: ModelConfig) -> None:
        if not model.pretrained:
            raise InputError(
                "Embeddings need a pretrained backbone: features of random weights say nothing about a photo.",
                "Name weights, `imagenet` or the path of an .h5 file.",
            )
        self._model = model
        backbone, size = build_backbone(model), model.image_size
        self._graph = tf.function(
            lambda photos: backbone(tf.cast(prepare_pictures(photos, size), tf.float32), training=False),
            input_signature=[tf.TensorSpec([None], tf.string)],
        )

    def __call__(self, photos: Sequence[bytes]) -> npt.NDArray[np.float32]:
        """float32 [N, F] from the bytes of JPEG or PNG photos."""
        parts = [self._graph(tf.constant(list(photos[at : at + _BATCH]))).numpy() for at in range(0, len(photos), _BATCH)]
        return np.concatenate(parts).astype(np.float32) if parts else np.zeros((0, 0), np.float32)

    @cached_property
    def name(self) -> str:
        """Name of the network; embeddings of networks with different names cannot be compared."""
        return network_name(self._model)


def network_name(model: ModelConfig) -> str:
    """Backbone, width, picture size, weights by content, how pictures are made; empty for a network without pretrained weights."""
    if not model.pretrained:
        return ""
    path = model.weights_path
    weights = storage.file_sha256(path)[:16] if path else model.weights
    row = find_backbone(model.backbone)
    width = f"{model.alpha:g}-" if row and row.has_alpha else ""
    return f"{model.backbone}-{width}{model.image_size}-{weights}-{_PICTURE}"
