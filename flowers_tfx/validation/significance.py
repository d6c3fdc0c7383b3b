"""Which views and columns are significant, at one error rate for the whole review.

Views are combined by their p-values: the smallest one, over views, has its own permutation distribution, from the same draws (Westfall and
Young, "Resampling-based multiple testing", 1993, step 2.3 and algorithm 2.8). That keeps the probability of any false alarm in the review
at alpha, and redundant views cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from math import ceil

import numpy as np

from flowers_tfx.validation.permutation import Floats
from flowers_tfx.validation.views.view_result import ViewResult

# Shares of the error rate: the views that people act on most get the largest.
WEIGHTS = {"property": 1.0, "joint": 0.7, "tail": 0.6, "label": 1.0, "consistency": 0.5, "content": 0.8, "omnibus": 1.0}
# Views in which each column is on a feature of its own.
BY_FEATURE = ("property", "tail", "consistency")


class Significance:
    """Adjusted p-values: the probability that any test of a review without drift gives a p-value as small."""

    def __init__(self, views: Mapping[str, ViewResult]) -> None:
        self._views = views
        weights = np.array([WEIGHTS[name] for name in views])
        self._weights = dict(zip(views, (weights / weights.sum()).tolist(), strict=True))
        # By row, the observed one first: the smallest weighted p-value over views.
        self._by_row = np.min([view.p_values / self._weights[name] for name, view in views.items()], axis=0)
        self._smallest = np.sort(self._by_row)

    def view_p_value(self, name: str) -> float:
        return self._adjusted(name, float(self._views[name].p_values[0]))

    def column_p_values(self, name: str) -> Floats:
        """[statistics]: of each."""
        return np.array([self._adjusted(name, float(p_value)) for p_value in self._views[name].column_p_values])

    def critical_rank(self, name: str, alpha: float) -> int:
        """In how many rows, its own included, the largest statistic of the view may be as large as the observed one, if that is to be
        significant at `alpha`. 0: no statistic could be."""
        draws, rows = np.sort(np.delete(self._by_row, 0)), len(self._by_row)
        allowed = int(alpha * rows + 1e-9)
        return max(0, ceil(rows * self._weights[name] * (draws[allowed - 1] - 1e-12)) - 1) if allowed else 0

    @cached_property
    def strongest(self) -> dict[tuple[str, str], tuple[int, float]]:
        """(view, feature) to its strongest column, of the views by feature, and that column's p-value; the strongest first."""
        strongest: dict[tuple[str, str], tuple[int, float]] = {}
        for name in BY_FEATURE:
            if name in self._views:
                view, p_values = self._views[name], self.column_p_values(name)
                for at in np.argsort(-view.statistics[0], kind="stable"):
                    strongest.setdefault((name, view.columns[at].feature), (int(at), float(p_values[at])))
        return strongest

    def _adjusted(self, name: str, p_value: float) -> float:
        return float(np.searchsorted(self._smallest, p_value / self._weights[name] + 1e-12, side="right") / len(self._smallest))
