"""The photos of a delivery between its lines and the shards: which lines list one, whether its labels agree, which split it falls into."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from flowers_tfx.data import pictures, uris
from flowers_tfx.data.photo_batch import BATCH
from flowers_tfx.data.pixel_sample import PixelSample, sample_pixels
from flowers_tfx.data.spans import LABEL_CONFLICT

BATCH_BYTES = 1 << 24


class Occurrence(NamedTuple):
    """A line that lists a photo. They sort by URI; `number` is 0 for a photo of an earlier span, whose name then stands as the URI."""

    # Between workers it travels as a plain tuple, which Beam encodes without pickling.
    uri: str
    number: int
    label: str
    path: bytes
    size: int


class Photo(NamedTuple):
    """A new photo, read and decoded."""

    digest: str
    uri: str
    label: str
    data: bytes
    sample: PixelSample


def conflict(lines: Sequence[Occurrence], earlier: Sequence[Occurrence]) -> str:
    """Why the lines of the same bytes conflict; empty if they agree on the label."""
    first: dict[str, str] = {}
    for occurrence in (*sorted(earlier), *sorted(lines)):
        first.setdefault(occurrence.label, occurrence.uri if not occurrence.number else f"{occurrence.uri}, line {occurrence.number}")
    if len(first) < 2:
        return ""
    places = " and ".join(f'"{label}" ({place})' for label, place in first.items())
    return f"{LABEL_CONFLICT}: the same photo is {places}"


def split_of(digest: bytes, salt: str) -> str:
    """80/10/10 by the photo's content: the same in every span, on every engine, in every order."""
    bucket = int(hashlib.sha256((salt + digest.hex()).encode()).hexdigest(), 16) % 10
    return "train" if bucket < 8 else "eval" if bucket == 8 else "test"


def batches(photos: Iterable[tuple[bytes, list[Occurrence]]]) -> Iterator[list[tuple[bytes, list[Occurrence]]]]:
    """Batches of photos to measure together, limited in number and size to fit into memory."""
    batch: list[tuple[bytes, list[Occurrence]]] = []
    size = 0
    for digest, occurrences in photos:
        # A size comes from the first line: all of them have the same bytes.
        photo_bytes = Occurrence(*occurrences[0]).size
        if batch and (len(batch) == BATCH or size + photo_bytes > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((digest, occurrences))
        size += photo_bytes
    if batch:
        yield batch


def read_photo(digest: bytes, lines: Sequence[Occurrence], max_pixels: int) -> Photo:
    """The photo of the first line that still gives these bytes. BadPicture with a reason."""
    limit = pictures.max_bytes(max_pixels)
    for line in lines:
        try:
            # One byte more than a picture can have is enough to refuse it, however large the file is.
            data = uris.read_bytes(line.path, min(line.size, limit) + 1)
        except uris.UnusableLine:
            continue
        if line.size > limit or hashlib.sha256(data).digest() == digest:
            return Photo(digest.hex(), line.uri, line.label, data, sample_pixels(data, max_pixels))
    raise pictures.BadPicture("the file changed during the ingest")
