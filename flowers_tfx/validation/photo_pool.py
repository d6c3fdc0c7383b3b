"""Both groups of photos as one pool, in which the tests permute which photos are new."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from flowers_tfx.features import PROPERTIES
from flowers_tfx.validation.derived_properties import derived_values
from flowers_tfx.validation.review import Finding
from flowers_tfx.validation.tables.checks import incomplete_embeddings
from flowers_tfx.validation.tables.photo_table import Floats, Photos

Codes = npt.NDArray[np.int64]
# The code of a photo without a label. Tests of labels leave it out.
UNLABELLED = -1


@dataclass(frozen=True)
class PhotoPool:
    """The baseline's photos first."""

    photos: Photos
    is_new: npt.NDArray[np.bool_]

    def numbers(self) -> dict[str, Floats]:
        """Tested properties that are compared by their distribution, and those derived from others."""
        names = [prop.name for prop in PROPERTIES if prop.tested and prop.role == "number"]
        numbers = self.photos.numbers
        return {**{name: numbers[name] for name in names if name in numbers}, **derived_values(numbers)}

    def categories(self) -> dict[str, list[object]]:
        """Tested properties that are compared by the shares of their values; None if a photo has no value."""
        props = [prop for prop in PROPERTIES if prop.tested and prop.role == "category"]
        strings = {prop.name: list(self.photos.words[prop.name]) for prop in props if prop.name in self.photos.words}
        codes = {prop.name: self.photos.numbers[prop.name] for prop in props if prop.name in self.photos.numbers}
        return {**strings, **{name: [None if np.isnan(value) else int(value) for value in values] for name, values in codes.items()}}

    def class_codes(self) -> Codes:
        """[photos]: a number for each class, UNLABELLED without a label. All 0 if a side has no labels at all: a finding reports that, and
        nothing is compared."""
        sides = (self.photos.labels[self.is_new == side] for side in (False, True))
        if all(any(label is not None for label in side) for side in sides):
            return codes_of(self.photos.labels)
        return np.zeros(len(self.photos), np.int64)


def codes_of(labels: npt.NDArray[np.object_]) -> Codes:
    """[labels]: the position of each among all, in alphabetical order; UNLABELLED for None."""
    labelled = is_labelled(labels)
    codes: Codes = np.full(len(labels), UNLABELLED, np.int64)
    codes[labelled] = np.unique(np.array([str(label) for label in labels[labelled]]), return_inverse=True)[1]
    return codes


def is_labelled(labels: npt.NDArray[np.object_]) -> npt.NDArray[np.bool_]:
    return np.array([label is not None for label in labels], bool)


def pool_photos(baseline: Photos, new: Photos) -> PhotoPool:
    both = Photos(
        np.concatenate([baseline.uris, new.uris]),
        np.concatenate([baseline.digests, new.digests]),
        np.concatenate([baseline.labels, new.labels]),
        np.concatenate([baseline.phashes, new.phashes]),
        {name: np.concatenate([values, new.numbers[name]]) for name, values in baseline.numbers.items()},
        {name: np.concatenate([values, new.words[name]]) for name, values in baseline.words.items()},
        None if baseline.embeddings is None or new.embeddings is None else np.concatenate([baseline.embeddings, new.embeddings]),
    )
    return PhotoPool(both, np.repeat([False, True], [len(baseline), len(new)]))


def complete_embeddings(pool: PhotoPool) -> tuple[PhotoPool, list[Finding]]:
    """Few embeddings that are missing or not finite are replaced by the mean of the others; with many the content is not compared."""
    embeddings = pool.photos.embeddings
    if embeddings is None or not embeddings.size:
        return pool, []
    broken = ~np.isfinite(embeddings).all(axis=1)
    if not broken.any():
        return pool, []
    finding = incomplete_embeddings(int(broken.sum()), len(broken))
    few = finding.level == "warn"
    complete = np.where(broken[:, None], embeddings[~broken].mean(axis=0), embeddings) if few else None
    return replace(pool, photos=replace(pool.photos, embeddings=complete)), [finding]
