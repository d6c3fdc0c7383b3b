"""Tests of shares, exact at every number of photos."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

LEVEL = 0.05  # the chance of a false alarm


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values, adjusted so that the chance of one false alarm among all of them is bounded (S. Holm, 1979)."""
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(np.argsort(np.array(p_values), kind="stable").tolist()):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def mcnemar(broken: int, fixed: int) -> float:
    """Whether as many photos got wrong as got right: McNemar's test with the exact binomial distribution in the place of chi-squared
    (Q. McNemar, 1947; A. L. Edwards, 1948). Two-sided."""
    return float(stats.binomtest(broken, broken + fixed).pvalue) if broken + fixed else 1.0


def more_often(part: int, part_size: int, rest: int, rest_size: int) -> float:
    """Whether `part` of `part_size` is a larger share than `rest` of `rest_size`: Fisher's exact test, one-sided (R. A. Fisher, 1935)."""
    return float(stats.hypergeom.sf(part - 1, part_size + rest_size, part + rest, part_size))
