"""The smallest shift of a property's distribution that its own columns would have found.

Shifts: larger (or smaller) values of the baseline become more frequent, by weights exp(t rank), as they do when all values move a little;
ties and the range stay as they are. The scores of all columns are then normal with known means and covariance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flowers_tfx.validation.permutation import Floats, Permutations
from flowers_tfx.validation.power.hypothetical import Sizes, smallest_strength
from flowers_tfx.validation.views.column_scores import legendre
from flowers_tfx.validation.views.property_view import CUTS

REVIEWS = 400
# The heaviest photo then has e**40 times the weight of the lightest: all photos are like the most extreme ones.
_LARGEST_TILT = 40.0
_LAWS = 20


@dataclass(frozen=True)
class NumberShifts:
    """`shares` of the baseline's photos with each of its values, in ascending order; they add up to less than 1 if values are missing."""

    shares: Floats
    permutations: Permutations
    critical: float

    @classmethod
    def of_values(cls, values: Floats, permutations: Permutations, critical: float) -> NumberShifts:
        counts = np.unique(values[np.isfinite(values)], return_counts=True)[1]
        return cls(counts / len(values), permutations, critical)

    def smallest_effect(self) -> float | None:
        """In points (Kolmogorov-Smirnov), of the direction that is harder to see; None if no shift would be found."""
        effects = []
        for sign in (1.0, -1.0):
            tilt = smallest_strength(lambda size, sign=sign: self._share_found(sign * size), _LARGEST_TILT)  # type: ignore[misc]
            if tilt is not None:
                effects.append(self._effect(self._tilted(sign * tilt)))
        return max(effects, default=None)

    def _tilted(self, tilt: float) -> Floats:
        measured = self.shares.sum()
        ranks = (np.cumsum(self.shares) - self.shares / 2) / measured
        logarithms = np.log(self.shares) + tilt * ranks
        weights = np.exp(logarithms - logarithms.max())
        tilted: Floats = weights / weights.sum() * measured
        return tilted

    def _effect(self, tilted: Floats) -> float:
        return 100 * float(np.abs(np.cumsum(tilted - self.shares)).max() / self.shares.sum())

    def _share_found(self, tilt: float) -> float:
        tilted, sizes = self._tilted(tilt), Sizes.of(self.permutations)
        pooled = (sizes.old * self.shares + sizes.new * tilted) / sizes.all
        columns, totals = self._columns(pooled, sizes)
        sides = [(shares @ columns, (columns.T * shares) @ columns) for shares in (self.shares, tilted)]
        (old_mean, old), (new_mean, new) = [(mean, squares - np.outer(mean, mean)) for mean, squares in sides]
        covariance = sizes.effective**2 * (new / sizes.new + old / sizes.old)
        root = np.linalg.cholesky(covariance + 1e-9 * np.trace(covariance) * np.eye(len(covariance)))
        sums = sizes.effective * (new_mean - old_mean) + _normal(len(root)) @ root.T
        return float((self._scores(sums, pooled @ columns, pooled @ columns**2, totals).max(axis=1) > self.critical).mean())

    def _columns(self, pooled: Floats, sizes: Sizes) -> tuple[Floats, list[int]]:
        """[values, columns]: location, spread and the flags of the cuts; and how many photos each flag has."""
        measured, below = pooled.sum(), np.cumsum(pooled)
        location, spread = legendre((below - pooled / 2) / measured)
        cuts = np.unique(np.minimum(np.searchsorted(below / measured, CUTS), len(pooled) - 1))
        totals = {int(cut): round(float(below[cut]) * sizes.all) for cut in cuts}
        useful = [cut for cut, total in totals.items() if 0 < total < sizes.all]
        flags = [(np.arange(len(pooled)) <= cut).astype(np.float64) for cut in useful]
        return np.stack([location, spread, *flags], axis=1), [totals[cut] for cut in useful]

    def _scores(self, sums: Floats, means: Floats, squares: Floats, totals: list[int]) -> Floats:
        """[reviews, columns] of sums over the new photos minus their expectation: in the way of `Permutations`."""
        deviations = np.sqrt(np.maximum(squares - means**2, 1e-12) * self.permutations.spread)
        scores: Floats = np.abs(sums / deviations)
        for at, total in enumerate(totals, 2):
            scores[:, at] = np.abs(self._flag_scores(sums[:, at] / deviations[at], total))
        return scores

    def _flag_scores(self, standardised: Floats, total: int) -> Floats:
        """Scores of counts by their exact law, which is taken at the nearest of a few totals: it changes slowly with these."""
        photos, new, spread = self.permutations.photos, self.permutations.new, self.permutations.spread
        share = min(max(round(total / photos * _LAWS), 1), _LAWS - 1) / _LAWS
        nearest = round(share * photos)
        table = self.permutations.normal_scores(nearest)
        share = nearest / photos
        return np.interp(share * new + standardised * np.sqrt(share * (1 - share) * spread), np.arange(len(table)), table)


def _normal(columns: int) -> Floats:
    """[REVIEWS, columns]: the same draws for every shift, so that larger ones are found more often."""
    return np.random.default_rng(0).standard_normal((REVIEWS, columns))
