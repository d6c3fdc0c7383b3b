"""Makes the PhotoSet of a split from its Examples."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from flowers_tfx.class_names import class_name
from flowers_tfx.data.example_files import Value, example_values
from flowers_tfx.data.network_picture import Pixels, prepare_picture
from flowers_tfx.data.pictures import open_picture
from flowers_tfx.data.records import bytes_feature
from flowers_tfx.explain.photo_set import Photo, PhotoSet
from flowers_tfx.features import DIGEST, IMAGE, LABEL, PROPERTIES, URI
from flowers_tfx.progress import ProgressCallback
from flowers_tfx.threads import map_in_threads

MOST_PHOTOS = 2_000  # in memory, 150 kB each at 224 px

# Serialized Examples, from the start at each call.
Examples = Callable[[], Iterator[bytes]]


def read_photo_set(
    examples: Examples, labels: Sequence[str], image_size: int, of_each_class: int, progress: ProgressCallback, most: int = MOST_PHOTOS
) -> PhotoSet:
    """The photos with one of these labels, in the order of their digests, which is random and always the same. Of more than `most` photos,
    `of_each_class` photos of each class, and those with the smallest digests of the others."""
    chosen = _choose(
        ((bytes_feature(one, DIGEST), class_name(bytes_feature(one, LABEL).decode())) for one in examples()), labels, of_each_class, most
    )
    read: dict[bytes, tuple[Photo, Pixels, int]] = {}
    records = (one for one in examples() if bytes_feature(one, DIGEST) in chosen)
    for photo, picture, truth in map_in_threads(lambda record: _prepare(record, labels, image_size), records):
        read[photo.digest.encode()] = photo, picture, truth
        progress(len(read), len(chosen))
    rows = [read[digest] for digest in sorted(read)]
    pictures = np.stack([picture for _, picture, _ in rows]) if rows else np.zeros((0, image_size, image_size, 3), np.uint8)
    classes = np.array([index for _, _, index in rows], np.int64)
    return PhotoSet(tuple(labels), tuple(photo for photo, _, _ in rows), pictures, classes)


def first_of_each_class(photos: PhotoSet, count: int, classes: Sequence[str]) -> list[int]:
    """Indices of at most `count` photos of each of these classes, ascending."""
    return sorted(int(index) for label in classes for index in np.flatnonzero(photos.truth == photos.labels.index(label))[:count])


def _choose(labelled: Iterable[tuple[bytes, str]], labels: Sequence[str], of_each_class: int, most: int) -> set[bytes]:
    by_label: dict[str, list[bytes]] = defaultdict(list)
    for digest, label in labelled:
        if label in labels:
            by_label[label].append(digest)
    chosen = {digest for digests in by_label.values() for digest in heapq.nsmallest(of_each_class, digests)}
    others = (digest for digests in by_label.values() for digest in digests if digest not in chosen)
    return chosen | set(heapq.nsmallest(max(0, most - len(chosen)), others))


def _prepare(record: bytes, labels: Sequence[str], image_size: int) -> tuple[Photo, Pixels, int]:
    values = example_values(record)
    picture = open_picture(_bytes(values[IMAGE]), None)
    properties = {prop.name: _property(values.get(prop.name)) for prop in PROPERTIES}
    photo = Photo(_text(values[URI]), _text(values[DIGEST]), picture.size, properties)
    return photo, prepare_picture(picture, image_size), labels.index(class_name(_text(values[LABEL])))


def _property(value: Value | None) -> float | str | None:
    return value.decode() if isinstance(value, bytes) else value


def _text(value: Value) -> str:
    return _bytes(value).decode()


def _bytes(value: Value) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("an Example has a number where bytes were expected")
    return value
