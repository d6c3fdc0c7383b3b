"""The frozen backbone of a run's settings, for the nodes that look at contents."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pandas as pd

from flowers_tfx import progress
from flowers_tfx.config.training import ModelConfig
from flowers_tfx.data.spans import Span
from flowers_tfx.model.embedding import Embedder
from flowers_tfx.review.photo_sample import with_embeddings


class PhotoEmbedder:
    """`network`: its name, empty where the settings have no pretrained weights: rows then stay without embeddings."""

    def __init__(self, settings: str) -> None:
        model = ModelConfig(**json.loads(settings)["model"])
        self._embed = Embedder(model) if model.pretrained else None
        self.network = self._embed.name if self._embed else ""

    def embedded(self, rows: pd.DataFrame, held: Sequence[Span], most: int) -> pd.DataFrame:
        """The rows of these spans, at most so many of them with embeddings."""
        if self._embed is None:
            return rows
        return with_embeddings(rows, held, self._embed, most, progress.Meter("embeddings"))
