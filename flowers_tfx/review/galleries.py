"""The photos on the page of a review: the examples of each finding, with as many pictures as a page may contain."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flowers_tfx import features
from flowers_tfx.reports.rendering import finite_or_none
from flowers_tfx.reports.words import amount
from flowers_tfx.review.report_words import is_compared
from flowers_tfx.review.table_values import PROPERTIES, numbers, texts
from flowers_tfx.validation.review import Example, Finding, Review

MAX_THUMBNAILS = 400
# Of all thumbnails of a page together, in base64: room for MAX_THUMBNAILS of thumbnails.THUMBNAIL_BYTES.
MAX_THUMBNAIL_CHARS = 2_300_000
_MAX_GALLERIES = 30
_TYPICAL = 8


@dataclass(frozen=True)
class Photo:
    """An example photo. `picture`: base64 of a JPEG, empty if absent."""

    name: str
    uri: str
    label: str
    value: str
    picture: str


@dataclass(frozen=True)
class Gallery:
    """Photos of a finding: beside typical ones (`typical`, chosen as `how` says), or `paired` as photo, partner, photo, partner."""

    number: int
    finding: Finding
    new: tuple[Any, ...]
    typical: tuple[Any, ...] = ()
    how: str = ""
    paired: bool = False


def photos_on_page(review: Review, baseline: pd.DataFrame, limit: int = MAX_THUMBNAILS) -> list[str]:
    """Digests of the photos that the page shows, those of the most severe findings first, at most `limit`."""
    shown = (example.digest for gallery in galleries(review, baseline) for example in (*gallery.new, *gallery.typical))
    return list(dict.fromkeys(digest for digest in shown if digest))[:limit]


def galleries(review: Review, baseline: pd.DataFrame) -> Iterator[Gallery]:
    """The most severe findings first; their photos are examples, which `Album` makes pictures of."""
    typical = _TypicalPhotos(baseline if is_compared(review) else baseline.iloc[:0], review.scores)
    for number, finding in enumerate(review.findings[:_MAX_GALLERIES], 1):
        photos = finding.examples[: 2 * _TYPICAL]
        if not photos:
            continue
        if finding.spec.examples == "pairs":
            yield Gallery(number, finding, photos, paired=True)
        elif finding.spec.examples == "alone":
            yield Gallery(number, finding, photos)
        else:
            yield Gallery(number, finding, photos, *typical.choose(finding))


class _TypicalPhotos:
    """Chooses photos of the baseline: the same ones for the same finding, in any order of the table."""

    def __init__(self, baseline: pd.DataFrame, scores: Mapping[str, Mapping[str, float | None]]) -> None:
        digests, uris = texts(baseline, features.DIGEST), texts(baseline, features.URI)
        keys = pd.Series([digest or uri for digest, uri in zip(digests, uris, strict=True)], dtype=object)
        rows = keys[keys != ""].drop_duplicates().sort_values().index.tolist()
        self._frame = baseline.iloc[rows]
        self._scores = scores

    def choose(self, finding: Finding) -> tuple[tuple[Example, ...], str]:
        prop = PROPERTIES.get(finding.feature)
        if prop is None or not finding.spec.one_property or prop.name not in self._frame:
            return self._examples(self._run_of_rows(finding.id, np.arange(len(self._frame)))), "drawn at random"
        median = finite_or_none(self._scores.get(prop.name, {}).get("baseline_median"))
        if prop.role != "number":
            words = pd.Series(texts(self._frame, prop.name), dtype=object)
            common = words[words != ""].mode()
            if common.empty:
                return (), ""
            rows = self._run_of_rows(finding.id, np.flatnonzero(words == common[0]))
            return self._examples(rows, prop.name), f"with the most common value, {common[0]}"
        if median is None:
            return (), ""
        away = np.abs(numbers(self._frame, prop.name) - median)
        rows = np.argsort(away, kind="stable")[:_TYPICAL]
        return self._examples(rows[np.isfinite(away[rows])], prop.name), f"nearest the median, {amount(median, prop.unit)}"

    def _run_of_rows(self, name: str, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Consecutive rows; they are sorted by digest, and a hash of `name` decides where the run starts."""
        start = int(hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:12], 16)
        chosen: npt.NDArray[Any] = rows[(start + np.arange(min(_TYPICAL, len(rows)))) % max(len(rows), 1)]
        return chosen

    def _examples(self, rows: npt.NDArray[Any], feature: str = "") -> tuple[Example, ...]:
        part = self._frame.iloc[rows]
        values = part[feature].tolist() if feature else [None] * len(part)
        columns = (texts(part, name) for name in (features.URI, features.DIGEST, features.LABEL))
        return tuple(Example(*words) for words in zip(*columns, values, strict=True))


class Album:
    """Gives pictures to photos until the page is full."""

    def __init__(self, thumbnails: Mapping[str, bytes]) -> None:
        self._thumbnails, self._left, self._chars = thumbnails, MAX_THUMBNAILS, MAX_THUMBNAIL_CHARS

    def fill(self, gallery: Gallery) -> Gallery:
        unit = PROPERTIES[gallery.finding.feature].unit if gallery.finding.feature in PROPERTIES else ""
        new, typical = (tuple(self._photo(e, unit) for e in examples) for examples in (gallery.new, gallery.typical))
        return Gallery(gallery.number, gallery.finding, new, typical, gallery.how, gallery.paired)

    def _photo(self, example: Example, unit: str) -> Photo:
        picture = base64.b64encode(self._thumbnails.get(example.digest, b"")).decode()
        if self._left < 1 or len(picture) > self._chars:
            picture = ""
        self._left -= bool(picture)
        self._chars -= len(picture)
        value = example.value
        text = "" if value is None else amount(value, unit) if isinstance(value, (int, float)) else str(value)
        return Photo(example.uri.rsplit("/", 1)[-1] or example.digest[:12], example.uri, example.label, text, picture)
