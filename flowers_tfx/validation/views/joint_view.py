"""Are all properties together different? Many small shifts in one direction add up (Hotelling's T2 on ranks and their squares)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import special

from flowers_tfx.validation.permutation import Floats, Permutations
from flowers_tfx.validation.photo_pool import Codes
from flowers_tfx.validation.spectrum import Spectrum
from flowers_tfx.validation.views.column_scores import legendre
from flowers_tfx.validation.views.distances import distance_view, without_class_means
from flowers_tfx.validation.views.view_result import ViewResult

RIDGES = (0.001, 0.03, 0.3)


def joint_view(permutations: Permutations, ranks: Mapping[str, Floats], classes: Codes) -> ViewResult:
    """T2 over locations and spreads, over locations alone, and over both within classes."""
    locations, spreads = (np.stack(part, axis=1) for part in zip(*(legendre(values) for values in ranks.values()), strict=True))
    both = np.concatenate([locations, spreads], axis=1)
    parts = (both, locations, without_class_means(both, classes))
    return distance_view("joint", permutations, ((Spectrum.from_columns(permutations, part), RIDGES) for part in parts))


def outlyingness(ranks: Mapping[str, Floats]) -> Floats:
    """[photos]: squared Mahalanobis distance of each photo's normal scores from the mean of all."""
    normal = special.ndtri(np.clip(np.stack(list(ranks.values()), axis=1), 1e-6, 1 - 1e-6))
    normal -= normal.mean(axis=0)
    covariance = normal.T @ normal / len(normal)
    ridge = 0.05 * np.trace(covariance) / len(covariance)
    inverse = np.linalg.inv(covariance + ridge * np.eye(len(covariance)))
    distances: Floats = np.einsum("ij,ij->i", normal @ inverse, normal)
    return distances
