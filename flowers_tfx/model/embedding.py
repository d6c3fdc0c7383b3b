"""Embeddings: what the frozen backbone sees in a photo, as numbers. Two photos with like embeddings show like things."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from flowers_tfx.errors import InputError
from flowers_tfx.model.network import IMAGENET, NO_WEIGHTS, NetworkSettings, build
from flowers_tfx.model.picture_graph import pictures

_BATCH = 32


class Embedder:
    """Pooled features of a pretrained backbone. Raises InputError when it has no weights, or they can't be had."""

    def __init__(self, settings: NetworkSettings) -> None:
        if not settings.pretrained:
            raise InputError(
                "Embeddings need a pretrained backbone: random weights see nothing.", "Name weights, `imagenet` or the path of an .h5 file."
            )
        self._settings = settings
        network = build(settings).backbone
        size = settings.image_size
        self._graph = tf.function(
            lambda data: network(tf.cast(pictures(data, size), tf.float32), training=False),
            input_signature=[tf.TensorSpec([None], tf.string)],
        )

    def __call__(self, photos: Sequence[bytes]) -> npt.NDArray[np.float32]:
        """float32 [N, F] from the bytes of JPEG or PNG photos."""
        parts = [self._graph(tf.constant(list(photos[at : at + _BATCH]))).numpy() for at in range(0, len(photos), _BATCH)]
        return np.concatenate(parts).astype(np.float32) if parts else np.zeros((0, 0), np.float32)

    @cached_property
    def name(self) -> str:
        """Names the network: embeddings of other names can't be compared."""
        return network_name(self._settings)


def network_name(settings: NetworkSettings) -> str:
    """Backbone, width, picture size and weights by their content; empty where there are none."""
    if settings.weights == NO_WEIGHTS:
        return ""
    local = settings.weights != IMAGENET and "://" not in settings.weights
    weights = hashlib.sha256(Path(settings.weights).read_bytes()).hexdigest()[:16] if local else settings.weights
    return f"{settings.backbone}-{settings.alpha:g}-{settings.image_size}-{weights}"
