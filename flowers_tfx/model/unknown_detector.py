"""Tells that a photo shows none of the classes: how far its features are from those of training photos, and how unsure the network is.

`Geometry` measures the distance in two ways. Cosine distance to the nearest training photos (Sun et al. 2022) sees most things that are not
flowers. Fine-tuning draws them closer; the Mahalanobis distance to the nearest class (Lee et al. 2018) suffers less from that. Features
are raised to the power 0.75 first: a few strong channels no longer decide. The network's own doubt sees what is near: other flowers.

The formulas are TensorFlow's and exist once: the fit, the SavedModel and the LiteRT model all use them (docs/adr/0020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from flowers_tfx.litert import FAR, SCORE, UNSURE
from flowers_tfx.model.splits import Labels

DIMENSIONS = 128  # of the features' main directions; more see no more
NEIGHBOURS = 10
_MAHALANOBIS_WEIGHT = 0.5  # beside the distance to neighbours, both in standard deviations
_SHRINKAGE = 0.1  # of the mean variance, added to the variance of each direction
_DOUBT_WEIGHT = 2.0  # of -log(probability of the top class) beside its logit
_TINY = 1e-12
_LEAST_SPREAD = 1e-4  # of unit vectors; below it, float32's rounding is too large a part of every distance
_LEAST_SPAN = 0.01  # of a scale, in standard deviations or in logits
# Of distances that say nothing: every photo is then as far as any other, 0 standard deviations.
NO_STANDARD = ((0.0, 1e9), (0.0, 1e9))

Floats = npt.NDArray[np.float32]
Standard = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class Geometry:
    """Where the features of training photos lie: `basis` [F, d] of main directions, `bank` [N, d] and class `means` [C, d] in it,
    `whitening` [d, d] of the variance within classes, `residual` weight of what the basis leaves out."""

    basis: Floats
    bank: Floats
    means: Floats
    whitening: Floats
    residual: float

    def distances(self, features: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Of features [N, F]: the mean cosine distance to the nearest training photos, and the squared Mahalanobis distance to the
        nearest class; float32 [N] each."""
        place = tf.matmul(unit_features(features), tf.constant(self.basis))
        nearest = tf.math.top_k(tf.matmul(place, tf.constant(self.bank.T.copy())), min(NEIGHBOURS, len(self.bank))).values
        whitened = tf.matmul(place, tf.constant(self.whitening))
        centres = self.means @ self.whitening
        to_classes = [tf.reduce_sum(tf.square(whitened - tf.constant(centre)), axis=1) for centre in centres]
        outside = 1.0 - tf.reduce_sum(tf.square(place), axis=1)
        return 1.0 - tf.reduce_mean(nearest, axis=1), tf.reduce_min(tf.stack(to_classes, axis=1), axis=1) + outside * self.residual


@dataclass(frozen=True)
class Scale:
    """`middle`: what half of the photos of known classes stay below, the 0 of the scale; `limit`: its 1. With `cut` nothing is above 1."""

    middle: float
    limit: float
    cut: bool = False

    def __call__(self, values: Any) -> tf.Tensor:
        scaled = (values - self.middle) / max(self.limit - self.middle, _LEAST_SPAN)
        return tf.minimum(scaled, 1.0) if self.cut else scaled


@dataclass(frozen=True)
class Detector:
    """`standard`: mean and standard deviation of each of the two distances over photos of known classes."""

    geometry: Geometry
    standard: Standard
    far: Scale
    unsure: Scale

    def outputs(self, features: Any, logits: Any) -> dict[str, tf.Tensor]:
        """float32 [N] each: `far` and `unsure`, and their `score`; a photo with a score of more than 1 is not known."""
        far = self.far(distance(self.geometry.distances(features), self.standard))
        unsure = self.unsure(doubt(logits))
        return {FAR: far, UNSURE: unsure, SCORE: joint_score(far, unsure)}


def joint_score(far: Any, unsure: Any) -> tf.Tensor:
    """The larger one where one of them is 1 or more; below, both count, so that photos are ranked by both. Continuous."""
    both = 1.0 - (1.0 - tf.minimum(far, 1.0)) * (1.0 - tf.minimum(unsure, 1.0))
    largest = tf.maximum(far, unsure)
    return tf.where(largest >= 1.0, largest, both)


def distance(distances: tuple[Any, Any], standard: Standard) -> Any:
    """The two distances as one, in standard deviations."""
    nearest, mahalanobis = ((values - mean) / max(deviation, 1e-6) for values, (mean, deviation) in zip(distances, standard, strict=True))
    return nearest + _MAHALANOBIS_WEIGHT * mahalanobis


def doubt(logits: Any) -> tf.Tensor:
    """float32 [N]: how unsure the network is between its classes, and how little each of them is there at all."""
    logits = tf.cast(logits, tf.float32)
    return -_DOUBT_WEIGHT * tf.reduce_max(tf.nn.log_softmax(logits), axis=1) - tf.reduce_max(logits, axis=1)


def unit_features(features: Any) -> tf.Tensor:
    """Vectors of length 1, float32 [N, F], of features to the power 0.75; signs stay."""
    features = tf.cast(features, tf.float32)
    powered = features * tf.math.rsqrt(tf.sqrt(tf.abs(features) + _TINY))
    return powered * tf.math.rsqrt(tf.reduce_sum(tf.square(powered), axis=1, keepdims=True) + _TINY)


def differ(features: Floats) -> bool:
    """Whether the features [N, F] of training photos tell one from another: those of an untrained network may be all alike."""
    units = np.asarray(unit_features(features), np.float64)
    return float(1 - np.sum(units.mean(axis=0) ** 2)) >= _LEAST_SPREAD


def fit_geometry(features: Floats, labels: Labels) -> Geometry:
    """From the features [N, F] of training photos, N at least 1."""
    units = np.asarray(unit_features(features), np.float64)
    basis = _main_directions(units, DIMENSIONS)
    bank = units @ basis
    means = np.stack([bank[labels == label].mean(axis=0) for label in np.unique(labels)])
    deviations = bank - means[np.searchsorted(np.unique(labels), labels)]
    covariance = deviations.T @ deviations / len(bank)
    outside = float(np.mean(1 - np.sum(bank**2, axis=1)))
    width, rest = units.shape[1], units.shape[1] - basis.shape[1]
    added = _SHRINKAGE * (np.trace(covariance) + outside) / width + 1e-6
    variances, directions = np.linalg.eigh(covariance)
    whitening = directions / np.sqrt(np.maximum(variances, 0) + added)
    arrays = [np.ascontiguousarray(array, np.float32) for array in (basis, bank, means, whitening)]
    return Geometry(arrays[0], arrays[1], arrays[2], arrays[3], residual=1 / (max(outside, 0) / rest + added) if rest else 0.0)


def _main_directions(vectors: npt.NDArray[np.float64], number: int) -> npt.NDArray[np.float64]:
    """[F, d], d at most `number`: orthonormal directions with the largest sums of squares."""
    wide = len(vectors) < vectors.shape[1]
    values, directions = np.linalg.eigh(vectors @ vectors.T if wide else vectors.T @ vectors)
    kept = [at for at in np.argsort(-values)[:number] if values[at] > 1e-6 * max(values[-1], _TINY)]
    chosen = directions[:, kept]
    basis: npt.NDArray[np.float64] = vectors.T @ chosen / np.sqrt(values[kept]) if wide else chosen
    return basis if kept else np.eye(vectors.shape[1], 1)
