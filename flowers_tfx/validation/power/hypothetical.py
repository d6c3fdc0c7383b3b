"""Would a review of photos that were never delivered find something? Drawn statistics against the critical values of the review at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from flowers_tfx.validation.permutation import Floats, Permutations
from flowers_tfx.validation.significance import Significance
from flowers_tfx.validation.views.view_result import ViewResult

FOUND = 0.9
_STEPS = 12


@dataclass(frozen=True)
class CriticalValues:
    """Of one view of a review: `rank` as `Significance.critical_rank`."""

    view: ViewResult
    rank: int

    @classmethod
    def of(cls, significance: Significance, name: str, view: ViewResult, alpha: float) -> CriticalValues:
        return cls(view, significance.critical_rank(name, alpha))

    @property
    def statistic(self) -> float:
        """What the largest statistic of the view must exceed."""
        draws = np.sort(self.view.statistics[1:].max(axis=1))
        return float(draws[-self.rank]) if self.rank else np.inf

    def exceeded(self, draws: Floats, drawn: Floats) -> float:
        """Share of hypothetical reviews that the view finds. `draws` [draws, columns]: statistics without drift, the larger the more
        unlike; `drawn` [reviews, columns]: the same of the hypothetical ones. The views put such columns on one scale by their ranks."""
        ordered = np.sort(draws, axis=0)
        columns = range(draws.shape[1])
        of_draws = np.stack([len(draws) - np.searchsorted(ordered[:, at], draws[:, at], side="left") for at in columns], axis=1)
        of_drawn = np.stack([len(draws) - np.searchsorted(ordered[:, at], drawn[:, at], side="left") + 1 for at in columns], axis=1)
        found = [
            1 + int(((of_draws + (statistics >= draws)).min(axis=1) <= ranks.min()).sum()) <= self.rank
            for statistics, ranks in zip(drawn, of_drawn, strict=True)
        ]
        return float(np.mean(found))


@dataclass(frozen=True)
class Sizes:
    """Photos of the two sides, as the tests see them."""

    old: int
    new: int

    @classmethod
    def of(cls, permutations: Permutations) -> Sizes:
        return cls(permutations.photos - permutations.new, permutations.new)

    @property
    def all(self) -> int:
        return self.old + self.new

    @property
    def effective(self) -> float:
        """The difference of two means varies as the mean of so many photos does."""
        return self.old * self.new / self.all


def smallest_strength(share_found: Callable[[float], float], largest: float) -> float | None:
    """The smallest strength up to `largest` that is found in FOUND of the hypothetical reviews, by bisection; None if none is."""
    if share_found(largest) < FOUND:
        return None
    low, high = 0.0, largest
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if share_found(middle) >= FOUND else (middle, high)
    return high
