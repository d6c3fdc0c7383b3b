"""Embeddings for one side of a comparison, for as many photos as the tests use."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Protocol

import pandas as pd

from flowers_tfx import features
from flowers_tfx.config import parse_config
from flowers_tfx.config.training import ModelConfig
from flowers_tfx.errors import InputError
from flowers_tfx.model.embedding import Embedder
from flowers_tfx.progress import Meter, ProgressCallback
from flowers_tfx.review.sides import Side
from flowers_tfx.validation.row_sample import sample_rows

_BATCH = 32


class PhotoEmbedder(Protocol):
    """A network with a name: embeddings of networks with other names cannot be compared."""

    @property
    def name(self) -> str: ...

    def __call__(self, photos: Sequence[bytes], /) -> Any: ...


def load_embedder(model: ModelConfig, weights: str) -> PhotoEmbedder:
    """The frozen backbone of `model` with these weights. Raises InputError when they are missing or do not fit."""
    return Embedder(parse_config({"model": {**model.model_dump(), "weights": weights}}).model)


def embedder_of_run(settings: str) -> PhotoEmbedder | None:
    """The backbone of a run's settings (JSON), None if they have no pretrained weights."""
    model = ModelConfig(**json.loads(settings)["model"])
    return load_embedder(model, model.weights) if model.pretrained else None


def embed_side(side: Side, embedder: PhotoEmbedder | None, most: int, progress: ProgressCallback | None = None, seed: int = 0) -> Side:
    """The side with a column `embedding`, filled for at most `most` photos: those that the tests choose themselves (by a hash of their
    content). The side as it is without an embedder."""
    if embedder is None:
        return side
    report = progress or Meter("embeddings")
    chosen = side.rows.iloc[sample_rows(side.rows[features.DIGEST], side.rows[features.URI], most, seed)]
    vectors: dict[str, Any] = {}
    for batch in batches(side.read_photos(set(chosen[features.DIGEST]))):
        for (digest, _), vector in zip(batch, embedder([data for _, data in batch]), strict=True):
            vectors[digest] = vector
        report(len(vectors), len(chosen))
    column = [vectors.get(digest) for digest in side.rows[features.DIGEST]]
    rows = side.rows.assign(**{features.EMBEDDING: pd.Series(column, index=side.rows.index, dtype=object)})
    return replace(side, rows=rows, network=embedder.name)


def embed_spans(sides: Sequence[Side], embedder: PhotoEmbedder | None, most: int, progress: ProgressCallback, seed: int) -> list[Side]:
    """Both sides with embeddings that can be compared: spans get them from `embedder`, tables bring theirs. Raises InputError if they
    come from different networks."""
    networks = {side.network for side in sides if features.EMBEDDING in side.rows and side.network}
    if embedder is None:
        if len(networks) > 1:
            names = " and ".join(side.name for side in sides)
            raise InputError(
                f"The embeddings of {names} come from different networks ({', '.join(sorted(networks))}).",
                "Measure both with the same --weights.",
            )
        return list(sides)
    if networks - {embedder.name}:
        raise InputError("The weights are not those that made the table's embeddings.", "Name the weights of `dataset measure`.")
    return [embed_side(side, embedder, most, progress, seed) if side.spans else side for side in sides]


def batches(photos: Iterable[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    """Batches of photos that fit into memory."""
    remaining = iter(photos)
    while batch := list(islice(remaining, _BATCH)):
        yield batch
