"""The photos of a delivery between its lines and the shards: which lines list one, whether its labels agree, which split it falls into."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from flowers_tfx.data import pictures, uris
from flowers_tfx.data.photo_batch import BATCH
from flowers_tfx.data.pixel_sample import PixelSample, sample_pixels
from flowers_tfx.data.spans import LABEL_CONFLICT
from flowers_tfx.features import SPLITS

BATCH_BYTES = 1 << 24
DIGEST_BYTES = 32


class Occurrence(NamedTuple):
    """A line that lists a photo. They sort by URI; `number` is 0 for a photo of an earlier span, whose name then stands as the URI."""

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


def unit_of(digest: bytes, salt: str, shards: int) -> int:
    """Which photos are written together. The files of one index hold equally many photos, so the three splits of an index are a unit of
    work; a span of one index is divided by split."""
    return shard_index(digest, shards) if shards > 1 else SPLITS.index(split_of(digest, salt))


def shard_index(digest: bytes, shards: int) -> int:
    return int.from_bytes(digest, "big") % shards


# What travels between workers, which Beam encodes without pickling, many photos at a time: of lines (LINES, [(digest, *Occurrence), ...]),
# of an earlier span (EARLIER, its number, digests one after the other, labels).
Shuffled = tuple[Any, ...]
LINES, EARLIER = "lines", "earlier"


def group_photos(shuffled: Iterable[Shuffled]) -> dict[bytes, list[Occurrence]]:
    """The occurrences of every photo that the delivery lists, by digest. `shuffled` is read twice: memory is for the delivery, however
    many photos earlier spans hold."""
    photos: dict[bytes, list[Occurrence]] = {}
    for kind, *content in shuffled:
        if kind == LINES:
            for digest, *line in content[0]:
                photos.setdefault(digest, []).append(Occurrence(*line))
    for kind, *content in shuffled:
        if kind == EARLIER:
            span, digests, labels = content
            for at, label in enumerate(labels):
                if occurrences := photos.get(digests[DIGEST_BYTES * at : DIGEST_BYTES * (at + 1)]):
                    occurrences.append(Occurrence(f"span {span}", 0, label, b"", 0))
    return photos


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
        if batch and (len(batch) == BATCH or size + occurrences[0].size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((digest, occurrences))
        size += occurrences[0].size
    if batch:
        yield batch


def read_photo(digest: bytes, lines: Sequence[Occurrence], max_pixels: int, data: bytes | None) -> Photo:
    """The photo of the first line, whose bytes are `data`, or else of the first line that still gives these bytes. BadPicture with a
    reason."""
    if data is not None:
        return _photo(digest, lines[0], data, max_pixels)
    limit = pictures.max_bytes(max_pixels)
    for line in lines:
        try:
            # One byte more than a picture can have is enough to refuse it, however large the file is.
            data = uris.read_bytes(line.path, min(line.size, limit) + 1)
        except uris.UnusableLine:
            continue
        if line.size > limit or hashlib.sha256(data).digest() == digest:
            return _photo(digest, line, data, max_pixels)
    raise pictures.BadPicture("the file changed during the ingest")


def _photo(digest: bytes, line: Occurrence, data: bytes, max_pixels: int) -> Photo:
    return Photo(digest.hex(), line.uri, line.label, data, sample_pixels(data, max_pixels))
