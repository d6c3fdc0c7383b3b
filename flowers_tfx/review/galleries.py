"""The photos on the page of a review: those that show each cause beside photos of the baseline of the same classes."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import numpy as np
import pandas as pd

from flowers_tfx import features
from flowers_tfx.review.causes import Cause, causes
from flowers_tfx.review.table_values import words
from flowers_tfx.validation.review import Example, Review

MAX_THUMBNAILS = 240
FIRST, OTHERS = 12, 8  # photos a side of the first gallery, and of the others
_MAX_GALLERIES = 14

Kind = Literal["group", "photos", "wrong", "uncertain", "pairs", "random"]


@dataclass(frozen=True)
class Gallery:
    """`new` beside `baseline`, or, of the kind "pairs", photo, partner, photo, partner. `cause` None: photos drawn at random. `total`: how
    many photos the cause has, if it is a group."""

    kind: Kind
    new: tuple[Example, ...]
    baseline: tuple[Example, ...] = ()
    cause: Cause | None = None
    total: int = 0

    @property
    def anchor(self) -> str:
        return f"photos-{self.cause.anchor}" if self.cause else "photos"


def photos_on_page(review: Review, baseline: pd.DataFrame, new: pd.DataFrame, limit: int = MAX_THUMBNAILS) -> list[str]:
    """Digests of the photos that the page shows, those of the first screen first, at most `limit`."""
    shown = (example.digest for gallery in galleries(review, baseline, new) for example in (*gallery.new, *gallery.baseline))
    return list(dict.fromkeys(digest for digest in shown if digest))[:limit]


def galleries(review: Review, baseline: pd.DataFrame, new: pd.DataFrame) -> list[Gallery]:
    """The first one is for the first screen: the most severe cause that has photos, or photos drawn at random where nothing is open."""
    old = _Photos(baseline if review.is_compared else baseline.iloc[:0])
    fresh = _Photos(new)
    found = list(_of_causes(causes(review), old, fresh))
    if not found or not (found[0].cause and found[0].cause.is_open):
        drawn = fresh.draw("new", FIRST)
        found = [Gallery("random", drawn, old.like("baseline", drawn, FIRST)), *found]
    return found[:_MAX_GALLERIES]


def _of_causes(found: Sequence[Cause], old: _Photos, fresh: _Photos) -> Iterator[Gallery]:
    most = FIRST
    for cause in found:
        if cause.group is not None:
            digests = list(cause.group["photos"])
            photos = fresh.with_digests(digests)[:most]
            kind: Kind = "group"
        else:
            digests, photos = [], cause.examples(most)
            kind = _kind(cause)
        if photos:
            beside = kind != "pairs" and any(finding.spec.examples != "alone" for finding in cause.findings)
            yield Gallery(kind, photos, old.like(cause.anchor, photos, len(photos)) if beside else (), cause, len(digests))
            most = OTHERS


def _kind(cause: Cause) -> Kind:
    if any(finding.spec.examples == "pairs" for finding in cause.findings):
        return "pairs"
    if any(finding.kind != "performance" for finding in cause.findings):
        return "photos"
    return "uncertain" if any(finding.facts.get("text") == "worse_estimated" for finding in cause.findings) else "wrong"


class _Photos:
    """Photos of a table, chosen in a way that does not depend on the order of its rows."""

    def __init__(self, frame: pd.DataFrame) -> None:
        uris, digests, labels = (words(frame, name) for name in (features.URI, features.DIGEST, features.LABEL))
        keyed = {digest or uri: Example(uri, digest, label) for uri, digest, label in zip(uris, digests, labels, strict=True)}
        self._photos = {key: keyed[key] for key in sorted(keyed) if key}

    def with_digests(self, digests: Sequence[str]) -> tuple[Example, ...]:
        return tuple(self._photos[digest] for digest in digests if digest in self._photos)

    def draw(self, name: str, most: int) -> tuple[Example, ...]:
        """Photos drawn at random, the same ones for the same name."""
        photos = list(self._photos.values())
        return tuple(photos[at] for at in _order(name, len(photos))[:most])

    def like(self, name: str, photos: Sequence[Example], most: int) -> tuple[Example, ...]:
        """Photos drawn at random with the same classes as `photos`, as often as those, as far as there are any; then others."""
        by_label: Mapping[str, list[Example]] = defaultdict(list)
        pool = list(self._photos.values())
        drawn = [pool[at] for at in _order(name, len(pool))]
        for photo in drawn:
            by_label[photo.label].append(photo)
        wanted = Counter(photo.label for photo in photos)
        chosen = [photo for label, count in wanted.items() for photo in by_label.get(label, [])[:count]]
        others = (photo for photo in drawn if photo not in chosen)
        return (*chosen[:most], *islice(others, max(0, most - len(chosen))))


def _order(name: str, size: int) -> list[int]:
    seed = int(hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:12], 16)
    order: list[int] = np.random.default_rng(seed).permutation(size).tolist()
    return order
