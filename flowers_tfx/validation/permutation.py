"""Permutation of two groups: which photos are new is drawn many times, and every test uses the same draws.

Photos without drift are exchangeable: whatever is computed from all of them without knowing their group has, under permutation, the
distribution that it has without drift, at exactly the sizes at hand (Fisher 1935; Pitman 1937). So all views here are computed once, from
the photos of both groups together, and only sums over the "new" ones are permuted: one matrix product for all draws.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special, stats

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Matrix = npt.NDArray[Any]


class Permutations:
    """`groups` is float32 [1 + draws, photos]: 1 for a photo drawn as new. The first row is what was observed."""

    def __init__(self, is_new: npt.NDArray[np.bool_], draws: int, seed: int, rows: npt.NDArray[np.int64] | None = None) -> None:
        """`rows`: only of these photos, as many of which are drawn as new as were observed."""
        random = np.random.default_rng(seed)
        keys = random.random((draws, len(is_new)), dtype=np.float32)
        self._of_all = is_new, draws, seed
        if rows is not None:
            keys, is_new = keys[:, rows], is_new[rows]
        self.new, self.photos = int(is_new.sum()), len(is_new)
        chosen = np.argpartition(keys, self.new - 1, axis=1)[:, : self.new]
        self.groups: Singles = np.zeros((draws + 1, self.photos), np.float32)
        self.groups[0] = is_new
        np.put_along_axis(self.groups[1:], chosen, np.float32(1), axis=1)
        self._normal_scores: dict[int, Floats] = {}

    def among(self, rows: npt.NDArray[np.int64]) -> Permutations:
        """The permutations of some of the photos, from the same random numbers: a photo that a draw takes for new is mostly new here, too.
        So statistics of the same draw on all photos and on some stand together as the observed ones do."""
        return self if len(rows) == self.photos else Permutations(*self._of_all, rows)

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
            scores[:, columns] = self.normal_scores(int(total))[counts[:, columns]]
        return scores

    def normal_scores(self, total: int) -> Floats:
        """Normal score by count 0..new of flagged photos among the new ones, if `total` photos are flagged."""
        if total not in self._normal_scores:
            self._normal_scores[total] = self._compute_normal_scores(total)
        return self._normal_scores[total]

    def _compute_normal_scores(self, total: int) -> Floats:
        law = stats.hypergeom(self.photos, total, self.new)
        at = np.arange(self.new + 1)
        mass = law.pmf(at)
        below, above = law.cdf(at) - mass / 2, law.sf(at) + mass / 2
        scores: Floats = np.where(below < above, special.ndtri(np.maximum(below, 1e-300)), -special.ndtri(np.maximum(above, 1e-300)))
        return np.clip(scores, -37.0, 37.0)


def upper_shares(values: Floats) -> Floats:
    """Share of the values that are at least as large as each: p-values, where the values are statistics by draw."""
    ordered = np.sort(values)
    shares: Floats = (len(values) - np.searchsorted(ordered, values - 1e-9)) / len(values)
    return shares
