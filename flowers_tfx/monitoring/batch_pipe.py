"""How a batch of photos travels to the measuring process: a line of JSON, then the bytes of each photo and of its features (float32,
little-endian), in the order of the line. Data alone: nothing that is read here can run code."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import IO

import numpy as np

from flowers_tfx.monitoring.photo_sample import Batch, PhotoToMeasure

_TEXTS = ("priority", "request", "number", "segment", "digest", "network")
_FLOAT = np.dtype("<f4")


def write_batch(stream: IO[bytes], batch: Batch, closed: Sequence[str]) -> None:
    """`closed`: segments for which nothing more comes. Raises OSError if nobody reads."""
    photos = [
        {
            **{name: getattr(photo, name) for name in _TEXTS},
            "bytes": len(photo.photo),
            "features": None if photo.features is None else len(photo.features),
        }
        for photo in batch.photos
    ]
    stream.write(json.dumps({"share": batch.share, "closed": list(closed), "photos": photos}).encode() + b"\n")
    for photo in batch.photos:
        stream.write(photo.photo)
        if photo.features is not None:
            stream.write(np.asarray(photo.features, _FLOAT).tobytes())
    stream.flush()


def read_batches(stream: IO[bytes]) -> Iterator[tuple[Batch, list[str]]]:
    """Until the stream ends; a batch that is cut off, because its writer was killed, is left out."""
    while line := stream.readline():
        if not line.endswith(b"\n"):
            return
        head = json.loads(line)
        photos = []
        for facts in head["photos"]:
            photo = stream.read(facts["bytes"])
            raw = b"" if facts["features"] is None else stream.read(facts["features"] * _FLOAT.itemsize)
            if len(photo) < facts["bytes"] or len(raw) < (facts["features"] or 0) * _FLOAT.itemsize:
                return
            features = None if facts["features"] is None else np.frombuffer(raw, _FLOAT)
            photos.append(PhotoToMeasure(**{name: facts[name] for name in _TEXTS}, photo=photo, features=features))
        yield Batch(tuple(photos), head["share"]), head["closed"]
