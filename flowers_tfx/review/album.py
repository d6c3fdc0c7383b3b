"""Pictures for the galleries of a page, with as many thumbnails as a page may contain."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from flowers_tfx.review.galleries import MAX_THUMBNAILS, Gallery
from flowers_tfx.texts import Texts
from flowers_tfx.validation.review import Example

# Of all thumbnails of a page together, in base64: room for MAX_THUMBNAILS of thumbnails.THUMBNAIL_BYTES.
MAX_THUMBNAIL_CHARS = 3_300_000
_FOLDERS = 2  # of an address, below a thumbnail
_ROOTS = ("", "file:", "gs:", "s3:")


@dataclass(frozen=True)
class Photo:
    """A photo on the page. `folder`: the last parts of where it comes from; `value`: the one that its finding is on, in words; `doubt`: why
    its label should be checked, empty if not; `picture`: base64 of a JPEG, empty if absent; `anchor`: unique on the page."""

    anchor: str
    uri: str
    folder: str
    label: str
    value: str
    doubt: str
    picture: str


@dataclass(frozen=True)
class FilledGallery:
    gallery: Gallery
    new: tuple[Photo, ...]
    baseline: tuple[Photo, ...]


class Album:
    """Gives pictures to photos until the page is full. `doubtful`: of `doubtful_labels`."""

    def __init__(self, thumbnails: Mapping[str, bytes], doubtful: Mapping[str, str], texts: Texts) -> None:
        self._thumbnails, self._doubtful, self._texts = thumbnails, doubtful, texts
        self._photos, self._pictures, self._chars = 0, 0, 0

    def fill(self, gallery: Gallery) -> FilledGallery:
        feature = gallery.cause.findings[0].feature if gallery.cause and gallery.cause.findings else ""
        is_answer = gallery.kind in ("wrong", "uncertain")
        new, baseline = (tuple(self._photo(e, feature, is_answer) for e in examples) for examples in (gallery.new, gallery.baseline))
        return FilledGallery(gallery, new, baseline)

    def _photo(self, example: Example, feature: str, is_answer: bool) -> Photo:
        picture = base64.b64encode(self._thumbnails.get(example.digest, b"")).decode()
        if self._pictures >= MAX_THUMBNAILS or self._chars + len(picture) > MAX_THUMBNAIL_CHARS:
            picture = ""
        self._photos += 1
        self._pictures += bool(picture)
        self._chars += len(picture)
        return Photo(
            f"photo-{self._photos}",
            example.uri or example.digest[:12],
            _source(example),
            example.label,
            self._value(example.value, feature, is_answer),
            self._doubt(example),
            picture,
        )

    def _value(self, value: float | str | None, feature: str, is_answer: bool) -> str:
        if value is None:
            return ""
        if is_answer:
            return self._texts("photo.answer", label=value)
        return self._texts("photo.value", feature=feature, value=value) if isinstance(value, (int, float)) else str(value)

    def _doubt(self, example: Example) -> str:
        if example.digest not in self._doubtful:
            return ""
        looks_like = self._doubtful[example.digest]
        return self._texts("photo.looks_like", label=looks_like) if looks_like else self._texts("photo.strange")


def _source(example: Example) -> str:
    """The last folders of its address, without the one that has the name of the class: that stands above it."""
    folders = [part for part in example.uri.split("/")[:-1] if part not in _ROOTS]
    return folders[-2] if len(folders) > 1 and folders[-1] == example.label else "/".join(folders[-_FOLDERS:])
