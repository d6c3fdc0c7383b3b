"""Per-photo tables of a CSV, without a data root: the values that ingest would measure, one row per usable line."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pandas as pd

from flowers_tfx import features
from flowers_tfx.data import delivery, pictures, uris
from flowers_tfx.data.delivery import Line
from flowers_tfx.data.photo_batch import BATCH
from flowers_tfx.data.photos import BATCH_BYTES
from flowers_tfx.data.pixel_sample import PixelSample, sample_pixels
from flowers_tfx.data.properties import measure
from flowers_tfx.errors import InputError
from flowers_tfx.progress import ProgressCallback

Embed = Callable[[Sequence[bytes]], Any]  # bytes of photos to float32 [N, F]


@dataclass
class CsvTable:
    """`frame`: uri, digest, label, every image property and, with an embedder, `embedding`. `rejects`: the lines without a usable photo."""

    frame: pd.DataFrame
    rejects: list[dict[str, Any]] = field(default_factory=list)
    lines: int = 0

    @property
    def reasons(self) -> dict[str, int]:
        return dict(Counter(reject["reason"] for reject in self.rejects))


class AnyLabel(Container[str]):
    """Accepts every label that is not blank: a delivery can be measured before its classes are known."""

    def __contains__(self, label: object) -> bool:
        return bool(label)


def measure_csv(
    csv_uri: str,
    max_pixels: int,
    embed: Embed | None = None,
    progress: ProgressCallback | None = None,
    labels: Container[str] | None = None,
) -> CsvTable:
    """A row for every line with a readable photo, duplicates included, in the order of the CSV; photos are read twice and decoded once,
    in batches. Raises InputError when the CSV is missing, unreadable or empty, or none of its lines gives a photo."""
    survey = delivery.survey(csv_uri)
    base = uris.folder(csv_uri)
    accepted_labels = AnyLabel() if labels is None else labels
    rows: list[dict[str, Any]] = []
    result = CsvTable(pd.DataFrame(), lines=survey.lines)
    with ThreadPoolExecutor(max(2, os.cpu_count() or 1)) as pool:
        lines = (
            delivery.read_line(n, raw, base, accepted_labels) for chunk in survey.chunks for n, raw in delivery.read_chunk(csv_uri, chunk)
        )
        for batch in _batches(lines):
            good: list[tuple[Line, bytes, PixelSample]] = []
            for line, read in zip(batch, pool.map(lambda line: _read(line, max_pixels), batch), strict=True):
                if isinstance(read, str):
                    digest = line.digest.hex()
                    result.rejects.append({"uri": line.uri, "label": line.label, "line": line.number, "reason": read, "digest": digest})
                else:
                    good.append((line, *read))
            embeddings = embed([data for _, data, _ in good]) if embed and good else [None] * len(good)
            measured = measure([photo for _, _, photo in good]) if good else []
            for (line, _, _), values, embedding in zip(good, measured, embeddings, strict=True):
                row = {features.URI: line.uri, features.DIGEST: line.digest.hex(), features.LABEL: line.label, **values}
                rows.append({**row, "embedding": embedding} if embed else row)
            if progress:
                progress(len(rows) + len(result.rejects), survey.lines)
    if not rows:
        worst = "; ".join(f"{count} x {reason}" for reason, count in Counter(result.reasons).most_common(3))
        raise InputError(f"No line of {csv_uri} gives a photo: {worst}.", "Relative URIs start at the CSV's own folder.")
    result.frame = with_nullable_integers(pd.DataFrame(rows))
    return result


def with_nullable_integers(frame: pd.DataFrame) -> pd.DataFrame:
    """Integer columns that can have missing values as Int64: in float64 the other values would no longer be integers."""
    for prop in features.PROPERTIES:
        if prop.name in frame and prop.kind == "int" and prop.optional:
            frame[prop.name] = frame[prop.name].astype("Int64")
    return frame


def _read(line: Line, max_pixels: int) -> tuple[bytes, PixelSample] | str:
    """Bytes and sample, or the reason for a reject."""
    if line.reason:
        return line.reason
    if line.size > pictures.max_bytes(max_pixels):
        return f"{line.size / 1e6:.0f} MB of file, the limit is {pictures.max_bytes(max_pixels) / 1e6:.0f} MB"
    try:
        data = uris.read_bytes(line.path, line.size)
        return data, sample_pixels(data, max_pixels)
    except (uris.UnusableLine, pictures.BadPicture) as error:
        return str(error)


def _batches(lines: Iterator[Line]) -> Iterator[list[Line]]:
    """Lines whose photos fit into memory together."""
    while block := list(islice(lines, 4 * BATCH)):
        batch: list[Line] = []
        size = 0
        for line in block:
            if batch and size + line.size > BATCH_BYTES:
                yield batch
                batch, size = [], 0
            batch.append(line)
            size += line.size
        yield batch
