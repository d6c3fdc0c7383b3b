"""A sample of the photos of some spans, as drift is looked for in it and as reports show it: rows, embeddings, thumbnails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from flowers_tfx import features
from flowers_tfx.data import spans
from flowers_tfx.data.measured import Embed
from flowers_tfx.data.pictures import BadPicture
from flowers_tfx.data.span_pictures import span_pictures
from flowers_tfx.data.spans import Span
from flowers_tfx.progress import ProgressCallback
from flowers_tfx.review.report_photos import thumbnail
from flowers_tfx.validation.sampling import sample_rows

_BATCH = 32


def rows_of(held: Sequence[Span]) -> pd.DataFrame:
    """All rows of these spans' photos.parquet."""
    frames = [spans.read_photos(span) for span in held]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=spans.photos_schema().names)


def with_embeddings(
    rows: pd.DataFrame, held: Sequence[Span], embed: Embed, most: int, progress: ProgressCallback, seed: int = 0
) -> pd.DataFrame:
    """The rows with a column `embedding`, for at most so many of them, chosen by content: the ones that the tests would choose
    themselves. The photos are read from the spans."""
    chosen = rows.iloc[sample_rows(rows[features.DIGEST], rows[features.URI], most, seed)]
    found: dict[str, Any] = {}
    for batch in _batches(held, set(chosen[features.DIGEST])):
        for (digest, _), vector in zip(batch, embed([data for _, data in batch]), strict=True):
            found[digest] = vector
        progress(len(found), len(chosen))
    complete = rows.copy()
    complete[features.EMBEDDING] = pd.Series([found.get(digest) for digest in rows[features.DIGEST]], index=rows.index, dtype=object)
    return complete


def thumbnails(held: Sequence[Span], digests: set[str]) -> dict[str, bytes]:
    """Small JPEGs of these photos, as far as they can be made."""
    found: dict[str, bytes] = {}
    for batch in _batches(held, digests):
        for digest, data in batch:
            try:
                found[digest] = thumbnail(data)
            except BadPicture:
                continue
    return found


def _batches(held: Sequence[Span], wanted: set[str]) -> Iterator[list[tuple[str, bytes]]]:
    batch: list[tuple[str, bytes]] = []
    for span in held:
        for photo in span_pictures(span.path, wanted):
            batch.append(photo)
            if len(batch) == _BATCH:
                yield batch
                batch = []
    if batch:
        yield batch
