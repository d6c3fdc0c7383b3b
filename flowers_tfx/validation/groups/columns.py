"""What a photo is judged by when groups are searched: columns of numbers, the same for photos of both sides."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import linalg

from flowers_tfx.features import LABEL
from flowers_tfx.validation.photo_pool import PhotoPool, codes_of, is_labelled
from flowers_tfx.validation.tables.photo_table import Floats, Photos, Words

DIRECTIONS = 30  # of content
# A value is rare if few photos of either side have one within this part of the middle 90 % of the range.
_NEIGHBOURHOOD = 0.02
_FEWEST = 3  # photos with a value, for a column of its own
_RIDGE = 0.1


class PhotoColumns:
    """Computed from a pool, for any photos with its features. Nothing here depends on which photos of the pool are new."""

    def __init__(self, pool: PhotoPool) -> None:
        self._sorted = {name: np.sort(values[np.isfinite(values)]) for name, values in pool.numbers().items()}
        self._sorted = {name: values for name, values in self._sorted.items() if len(values) and np.ptp(values) > 0}
        self._widths = {name: _neighbourhood(values) for name, values in self._sorted.items()}
        self._words = {name: _frequent(values) for name, values in pool.categories().items()}
        self._content = _Content.of(pool.photos)
        # A column that has no value for some photos would tell these apart: content gives them a label, and nothing else does.
        if pool.class_codes().max(initial=0) > 0 and (self._content or is_labelled(pool.photos.labels).all()):
            self._words[LABEL] = _frequent(list(pool.photos.labels))
        self._margins = _LabelMargins.of(pool.photos, self._content) if self._content and LABEL in self._words else None

    def of(self, photos: Photos) -> Floats:
        """[photos, columns]; without columns if nothing differs in the pool."""
        columns = list(self._columns(PhotoPool(photos, np.ones(len(photos), np.bool_))))
        return np.stack(columns, axis=1) if columns else np.zeros((len(photos), 0))

    def label_margins(self, photos: Photos) -> Floats | None:
        """[photos with a label]: below 0 where another label fits the content better than the photo's own; None without labels or
        content."""
        labelled = photos.rows(np.flatnonzero(is_labelled(photos.labels)))
        if self._content is None or self._margins is None or not len(labelled):
            return None
        return self._margins.of_labels(labelled.labels, self._content.positions(labelled))

    def _columns(self, pool: PhotoPool) -> Iterator[Floats]:
        numbers = pool.numbers()
        for name, ordered in self._sorted.items():
            values, width = numbers[name], self._widths[name]
            missing = ~np.isfinite(values)
            ranks = (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / (2 * len(ordered))
            near = np.searchsorted(ordered, values + width, "right") - np.searchsorted(ordered, values - width, "left")
            yield np.where(missing, 0.5, ranks)
            yield np.where(missing, len(ordered), near).astype(np.float64)
            yield missing.astype(np.float64)
        labels = pool.photos.labels
        positions = self._content.positions(pool.photos) if self._content else None
        if positions is not None and self._margins:
            labels = self._margins.completed(labels, positions)
        for name, words in {**pool.categories(), LABEL: list(labels)}.items():
            for frequent in self._words.get(name, ()):
                yield np.array([word is not None and str(word) == frequent for word in words], np.float64)
        if positions is not None:
            yield from positions.T
            if self._margins:
                yield self._margins.of_labels(labels, positions)


class _Content:
    """The directions along which embeddings differ most (principal components)."""

    def __init__(self, mean: Floats, directions: Floats, roots: bool) -> None:
        self._mean, self._directions, self._roots = mean, directions, roots

    @classmethod
    def of(cls, photos: Photos) -> _Content | None:
        """None without embeddings, or if all of them are equal."""
        if photos.embeddings is None or not photos.embeddings.size:
            return None
        embeddings = photos.embeddings[np.isfinite(photos.embeddings).all(axis=1)]
        if len(embeddings) < 2 or not np.ptp(embeddings, axis=0).any():
            return None
        roots = bool((embeddings >= 0).all())
        vectors = _unit_vectors(embeddings, roots)
        mean = vectors.mean(axis=0)
        size = vectors.shape[1]
        covariance = (vectors - mean).T @ (vectors - mean)
        _, directions = linalg.eigh(covariance, subset_by_index=[max(0, size - DIRECTIONS), size - 1])
        return cls(mean, directions, roots)

    def positions(self, photos: Photos) -> Floats:
        """[photos, directions]: 0 for a photo without an embedding."""
        positions = np.zeros((len(photos), self._directions.shape[1]))
        if photos.embeddings is None:
            return positions
        rows = np.isfinite(photos.embeddings).all(axis=1)
        positions[rows] = (_unit_vectors(photos.embeddings[rows], self._roots) - self._mean) @ self._directions
        return positions


class _LabelMargins:
    """By how much the label of a photo fits its content better than any other label: ridge regression of classes on content."""

    def __init__(self, classes: list[str], weights: Floats, shares: Floats) -> None:
        self._classes, self._weights, self._shares = classes, weights, shares

    @classmethod
    def of(cls, photos: Photos, content: _Content) -> _LabelMargins | None:
        photos = photos.rows(np.flatnonzero(is_labelled(photos.labels)))
        positions = content.positions(photos)
        codes = codes_of(photos.labels)
        if len(np.unique(codes)) < 2:
            return None
        one_hot = np.eye(int(codes.max()) + 1)[codes]
        shares = one_hot.mean(axis=0)
        gram = positions.T @ positions
        ridge = _RIDGE * np.trace(gram) / len(gram)
        weights = np.linalg.solve(gram + ridge * np.eye(len(gram)), positions.T @ (one_hot - shares))
        return cls(np.unique(np.array([str(label) for label in photos.labels])).tolist(), weights, shares)

    def completed(self, labels: Words, positions: Floats) -> Words:
        """The labels; where a photo has none, the one that fits its content best."""
        best = np.array(self._classes, object)[(positions @ self._weights + self._shares).argmax(axis=1)]
        return np.where(is_labelled(labels), labels, best)

    def of_labels(self, labels: Words, positions: Floats) -> Floats:
        scores = positions @ self._weights + self._shares
        own = np.array([[str(label) == name for name in self._classes] for label in labels], bool)
        given = np.where(own, scores, -np.inf).max(axis=1)
        others = np.where(own, -np.inf, scores).max(axis=1)
        margins: Floats = np.where(np.isfinite(given), given - others, 0.0)
        return margins


def _unit_vectors(embeddings: npt.NDArray[np.float32], roots: bool) -> Floats:
    """As the review's view of content measures distances (views/content_view.py)."""
    vectors = embeddings.astype(np.float64)
    vectors = np.sqrt(np.maximum(vectors, 0.0)) if roots else vectors
    unit: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return unit


def _neighbourhood(ordered: Floats) -> float:
    low, high = np.quantile(ordered, (0.05, 0.95))
    return float(high - low) * _NEIGHBOURHOOD or 1e-9


def _frequent(values: list[object]) -> list[str]:
    """The words that at least _FEWEST photos have, and as many have not."""
    words, counts = np.unique(np.array([str(value) for value in values if value is not None], object).astype(str), return_counts=True)
    return [str(word) for word, count in zip(words, counts, strict=True) if _FEWEST <= count <= len(values) - _FEWEST]
