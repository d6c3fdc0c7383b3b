"""The frozen backbone of a run's settings, for the nodes that look at contents."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pandas as pd

from flowers_tfx import progress
from flowers_tfx.data.spans import Span
from flowers_tfx.model.embedding import Embedder
from flowers_tfx.model.network import NO_WEIGHTS
from flowers_tfx.model.trainer import network_settings
from flowers_tfx.review.photo_sample import with_embeddings


class PhotoEmbedder:
    """`network`: its name, empty where the settings have no pretrained weights: rows then stay without embeddings."""

    def __init__(self, settings: str) -> None:
        values = json.loads(settings)
        self._embed = None if values["model"]["weights"] == NO_WEIGHTS else Embedder(network_settings(values))
        self.network = self._embed.name if self._embed else ""

    def embedded(self, rows: pd.DataFrame, held: Sequence[Span], most: int) -> pd.DataFrame:
        """The rows of these spans, at most so many of them with embeddings."""
        if self._embed is None:
            return rows
        return with_embeddings(rows, held, self._embed, most, progress.Meter("embeddings"))
