"""Embeddings: the features of a photo that the frozen backbone computes. Photos with close embeddings show similar things."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from flowers_tfx.config.training import ModelConfig
from flowers_tfx.data.network_picture import prepare_picture
from flowers_tfx.data.pictures import open_picture
from flowers_tfx.errors import InputError
from flowers_tfx.litert import FEATURES
from flowers_tfx.model.backbone_cache import load_backbone, network_name
from flowers_tfx.threads import map_in_threads

Vector = npt.NDArray[np.float32]


class Embedder:
    """Pooled features of a pretrained backbone. Raises InputError if it has no weights or they cannot be read."""

    def __init__(self, model: ModelConfig) -> None:
        if not model.pretrained:
            raise InputError(
                "Embeddings need a pretrained backbone: features of random weights say nothing about a photo.",
                "Name weights, `imagenet` or the path of an .h5 file.",
            )
        self._model, self._backbone = model, load_backbone(model)

    def __call__(self, photos: Sequence[bytes]) -> Vector:
        """float32 [N, F] from the bytes of JPEG or PNG photos, on all processors. BadPicture for a photo that cannot be decoded."""
        vectors = list(map_in_threads(self._embed, photos))
        return np.stack(vectors) if vectors else np.zeros((0, 0), np.float32)

    @cached_property
    def name(self) -> str:
        """Name of the network; embeddings of networks with different names cannot be compared."""
        return network_name(self._model)

    def _embed(self, photo: bytes) -> Vector:
        # Photos that are embedded have been ingested: of any size.
        return self._backbone(prepare_picture(open_picture(photo, None), self._model.image_size))[FEATURES]
