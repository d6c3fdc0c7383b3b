"""Labels among the shown photos that somebody should check: the picture looks like another class, or like no photo of the baseline.

A ridge regression from embeddings to classes is fitted to the baseline; leaving a photo of the baseline out costs nothing more: its
residual is r_i / (1 - h_ii) (Stone 1974). So the margins of the baseline's own photos say how small a margin is usual.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from flowers_tfx import features
from flowers_tfx.review.table_values import words
from flowers_tfx.validation.row_sample import sample_rows
from flowers_tfx.validation.tables.columns import embedding_matrix
from flowers_tfx.validation.views.consistency_view import margins_of

Floats = npt.NDArray[np.float64]
# Of the baseline's photos, this share have a margin that is as small, and this share lie as far from all others.
USUAL_MARGINS = 0.01
USUAL_DISTANCES = 0.002
_FEWEST_OF_A_CLASS = 10
SAMPLE = 2000  # photos of the baseline: distances of all pairs are computed
_RIDGE = 0.5  # of the mean variance of the embeddings
STRANGE = ""


def doubtful_labels(baseline: pd.DataFrame, new: pd.DataFrame) -> dict[str, str]:
    """Digests of new photos to the class that they look like, or to `STRANGE` where they look like no photo of the baseline. Empty without
    embeddings or labels on both sides."""
    sides = [_labelled(frame) for frame in (_sampled(baseline), new)]
    if any(side is None for side in sides):
        return {}
    (old, old_labels, _), (fresh, labels, digests) = (side for side in sides if side is not None)
    classes, codes, counts = np.unique(old_labels, return_inverse=True, return_counts=True)
    if len(classes) < 2 or counts.min() < _FEWEST_OF_A_CLASS or old.shape[1] != fresh.shape[1]:
        return {}
    usual, margins, looks_like = _margins(old, codes, fresh, np.searchsorted(classes, labels).clip(0, len(classes) - 1))
    usual_distances, distances = _distances(old, fresh)
    doubtful = {}
    for at, digest in enumerate(digests):
        if distances[at] > np.quantile(usual_distances, 1 - USUAL_DISTANCES):
            doubtful[digest] = STRANGE
        elif labels[at] in classes and margins[at] < min(0.0, float(np.quantile(usual, USUAL_MARGINS))):
            doubtful[digest] = str(classes[looks_like[at]])
    return doubtful


def _sampled(frame: pd.DataFrame) -> pd.DataFrame:
    """At most SAMPLE photos with an embedding."""
    if features.EMBEDDING not in frame:
        return frame.iloc[:0]
    known = frame[frame[features.EMBEDDING].notna().to_numpy(bool)]
    return known.iloc[sample_rows(words(known, features.DIGEST), words(known, features.URI), SAMPLE, 0)]


def _labelled(frame: pd.DataFrame) -> tuple[Floats, npt.NDArray[np.object_], list[str]] | None:
    """Embeddings, labels and digests of the photos that have all three."""
    matrix = embedding_matrix(frame)
    if isinstance(matrix, str) or not matrix.size:
        return None
    labels, digests = (np.array(words(frame, name), object) for name in (features.LABEL, features.DIGEST))
    usable = np.isfinite(matrix).all(axis=1) & (labels != "") & (digests != "")
    return (matrix[usable].astype(np.float64), labels[usable], digests[usable].tolist()) if usable.any() else None


def _margins(
    old: Floats, codes: npt.NDArray[np.int64], new: Floats, given: npt.NDArray[np.int64]
) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """By how much the given class beats every other, of the old photos as if each had been left out, and of the new ones; and the class
    that each new photo looks like."""
    one_hot = np.eye(int(codes.max()) + 1)[codes]
    mean, shares = old.mean(axis=0), one_hot.mean(axis=0)
    centred = old - mean
    covariance = centred.T @ centred
    penalty = _RIDGE * float(np.trace(covariance)) / len(covariance)
    inverse = np.linalg.inv(covariance + penalty * np.eye(len(covariance)))
    weights = inverse @ centred.T @ (one_hot - shares)
    leverage = 1 / len(old) + np.einsum("ij,ij->i", centred @ inverse, centred)
    residuals = (one_hot - shares - centred @ weights) / np.maximum(1 - leverage, 1e-6)[:, None]
    predicted = shares + (new - mean) @ weights
    others = predicted.copy()
    others[np.arange(len(given)), given] = -np.inf
    return margins_of(one_hot - residuals, codes), margins_of(predicted, given), others.argmax(axis=1)


def _distances(old: Floats, new: Floats) -> tuple[Floats, Floats]:
    """Cosine distance to the nearest photo of the baseline: of its own photos to the nearest other one, and of the new ones."""
    unit = [side / np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-12) for side in (old, new)]
    own = unit[0] @ unit[0].T
    np.fill_diagonal(own, -1)
    return 1 - own.max(axis=1), 1 - (unit[1] @ unit[0].T).max(axis=1)
