"""Permutation of two groups: which photo is new is drawn anew, again and again, and every test looks at the same draws.

Photos without drift are exchangeable: whatever is computed from all of them without knowing their group has, under permutation, the
distribution that it has without drift, at exactly the sizes at hand (Fisher 1935; Pitman 1937). So all views here are computed once, from
the photos of both groups together, and only sums over the "new" ones are permuted: one matrix product for all draws.

Views are combined by their p-values: the smallest one, over views, has its own permutation distribution, from the same draws (Westfall and
Young, "Resampling-based multiple testing", 1993, step 2.3 and algorithm 2.8). That holds the probability of any false alarm in the review
at alpha, and loses nothing to views that say the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg, special, stats

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Matrix = npt.NDArray[Any]


class Permutations:
    """`groups` is float32 [1 + draws, photos]: 1 where a photo counts as new. The first row is what was observed."""

    def __init__(self, is_new: npt.NDArray[np.bool_], draws: int, seed: int) -> None:
        self.new, self.photos = int(is_new.sum()), len(is_new)
        random = np.random.default_rng(seed)
        keys = random.random((draws, self.photos), dtype=np.float32)
        chosen = np.argpartition(keys, self.new - 1, axis=1)[:, : self.new]
        self.groups: Singles = np.zeros((draws + 1, self.photos), np.float32)
        self.groups[0] = is_new
        np.put_along_axis(self.groups[1:], chosen, np.float32(1), axis=1)

    @property
    def spread(self) -> float:
        """Variance over draws of the sum over new photos of a column with mean 0 and variance 1 (finite population)."""
        return self.new * (self.photos - self.new) / (self.photos - 1)

    def sums(self, columns: Matrix) -> Floats:
        """[1 + draws, columns] of [photos, columns]."""
        sums: Floats = (self.groups @ columns.astype(np.float32)).astype(np.float64)
        return sums

    def scores(self, columns: Matrix) -> Floats:
        """The sums in standard deviations over draws; 0 for a constant column."""
        centred = columns - columns.mean(axis=0)
        deviation = np.sqrt((centred**2).mean(axis=0) * self.spread)
        return np.divide(self.sums(centred), deviation, out=np.zeros((len(self.groups), columns.shape[1])), where=deviation > 1e-9)

    def flag_scores(self, flags: npt.NDArray[np.bool_]) -> Floats:
        """Counts of flagged photos among the new ones, as normal scores of their exact (hypergeometric) mid-p: few flags have skewed
        distributions, which plain standard deviations would take for drift."""
        counts = np.rint(self.sums(flags)).astype(np.int64)
        totals = flags.sum(axis=0)
        scores = np.zeros(counts.shape)
        for total in np.unique(totals):
            columns = totals == total
            scores[:, columns] = self._normal_scores(int(total))[counts[:, columns]]
        return scores

    def _normal_scores(self, total: int) -> Floats:
        """Normal score by count 0..new of flagged photos among the new ones."""
        law = stats.hypergeom(self.photos, total, self.new)
        at = np.arange(self.new + 1)
        mass = law.pmf(at)
        below, above = law.cdf(at) - mass / 2, law.sf(at) + mass / 2
        scores: Floats = np.where(below < above, special.ndtri(np.maximum(below, 1e-300)), -special.ndtri(np.maximum(above, 1e-300)))
        return np.clip(scores, -37.0, 37.0)


@dataclass(frozen=True)
class Spectrum:
    """Columns as orthogonal directions: `scores` [1 + draws, directions] in standard deviations, `weights`: variance along each,
    `vectors` [photos, directions]: where each photo lies on them."""

    scores: Floats
    weights: Floats
    vectors: Floats

    @classmethod
    def of(cls, draws: Permutations, gram: Floats, directions: int, rows: npt.NDArray[np.int64] | None = None) -> Spectrum:
        """From a Gram or kernel matrix [photos, photos] of centred columns, of all photos or of `rows`; only the largest `directions`
        count. Photos that are left out stand in the middle."""
        keep = min(directions, len(gram) - 1)
        values, vectors = _largest(gram, keep)
        kept = values > values.max(initial=0.0) * 1e-6
        places = vectors[:, kept]
        if rows is not None:
            places = np.zeros((draws.photos, places.shape[1]))
            places[rows] = vectors[:, kept]
        return cls(draws.scores(places), values[kept] / values[kept].sum(), places)

    @classmethod
    def of_columns(cls, draws: Permutations, columns: Matrix) -> Spectrum:
        """From few columns of many photos."""
        vectors, values, _ = linalg.svd(columns - columns.mean(axis=0), full_matrices=False)
        squares = values**2
        kept = squares > squares.max(initial=0.0) * 1e-6
        return cls(draws.scores(vectors[:, kept]), squares[kept] / squares[kept].sum(), vectors[:, kept])

    def distances(self, ridges: tuple[float, ...]) -> Floats:
        """[1 + draws, ridges]: Hotelling's T2 with directions of variance s weighted by s / (s + ridge * mean s): from nearly all alike to
        the plain distance of means, which with a kernel is the maximum mean discrepancy (Gretton et al. 2012; Harchaoui et al. 2008)."""
        unit = self.weights * len(self.weights)
        squares = self.scores**2
        return np.stack([squares @ (unit / (unit + ridge)) for ridge in ridges], axis=1)

    def towards(self, ridge: float) -> Floats:
        """[photos]: place on the line that tells the groups apart best (Fisher's discriminant with a ridge); larger is newer."""
        unit = self.weights * len(self.weights)
        place: Floats = self.vectors @ (self.scores[0] * unit / (unit + ridge))
        return place


def _largest(gram: Floats, directions: int) -> tuple[Floats, Floats]:
    size = len(gram)
    values, vectors = linalg.eigh(gram, subset_by_index=[size - directions, size - 1], driver="evr")
    return np.maximum(values[::-1], 0.0), vectors[:, ::-1]


def centred_gram(columns: Matrix) -> Floats:
    centred = (columns - columns.mean(axis=0)).astype(np.float64)
    gram: Floats = centred @ centred.T
    return gram


def centred_kernel(columns: Matrix) -> Floats:
    """Gaussian kernel at the median distance, centred in its own space."""
    squares = (columns.astype(np.float64) ** 2).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares[None] - 2 * columns.astype(np.float64) @ columns.T.astype(np.float64), 0.0)
    scale = np.median(distances[np.triu_indices(len(distances), 1)]) if len(distances) > 1 else 1.0
    kernel = np.exp(-distances / max(scale, 1e-12))
    means = kernel.mean(axis=0)
    centred: Floats = kernel - means[None] - means[:, None] + means.mean()
    return centred


class View:
    """Statistics that ask the same question. [1 + draws, statistics], larger is more unlike; each row a draw, the first the observed."""

    def __init__(self, name: str, statistics: Floats, weight: float = 1.0) -> None:
        self.name, self.statistics, self.weight = name, statistics, weight

    @cached_property
    def p_values(self) -> Floats:
        """[1 + draws]: of the largest statistic, among all rows: each row could have been the observed one."""
        return upper_shares(self.statistics.max(axis=1))

    @cached_property
    def each(self) -> Floats:
        """[statistics]: p-value of each observed statistic against the largest of all of them in every draw."""
        largest = np.sort(self.statistics.max(axis=1))
        shares: Floats = (len(largest) - np.searchsorted(largest, self.statistics[0] - 1e-9)) / len(largest)
        return shares


def upper_shares(values: Floats) -> Floats:
    """Share of the values that are at least as large as each."""
    ordered = np.sort(values)
    shares: Floats = (len(values) - np.searchsorted(ordered, values - 1e-9)) / len(values)
    return shares


def family(views: list[View]) -> tuple[Floats, Floats]:
    """Smallest weighted p-value over views, by draw, sorted; and the views' weights, which sum to 1."""
    weights = np.array([view.weight for view in views])
    weights = weights / weights.sum()
    smallest = np.min([view.p_values / weight for view, weight in zip(views, weights, strict=True)], axis=0)
    return np.sort(smallest), weights


def adjusted(p_value: float, weight: float, smallest: Floats) -> float:
    """Probability without drift that any view's weighted p-value is as small."""
    return float(np.searchsorted(smallest, p_value / weight + 1e-12, side="right") / len(smallest))
