"""Intervals of shares and of their differences that keep their error rate at every number of photos."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from scipy import stats


@dataclass(frozen=True)
class Share:
    """`value`, 0 to 1, between `low` and `high`."""

    value: float
    low: float
    high: float

    @property
    def interval(self) -> list[float]:
        return [self.low, self.high]


def exact_share(count: int, total: int, confidence: float) -> Share:
    """`count` of `total` with the exact interval (C. J. Clopper, E. S. Pearson, 1934). `total` is 1 or more."""
    tail = (1 - confidence) / 2
    low = float(stats.beta.ppf(tail, count, total - count + 1)) if count else 0.0
    high = float(stats.beta.ppf(1 - tail, count + 1, total - count)) if count < total else 1.0
    return Share(count / total, low, high)


def difference_interval(share: Share, reference: Share) -> list[float]:
    """The interval of `share` less `reference`, which are independent, from the intervals of both (R. G. Newcombe, 1998, method 10; with
    exact ones instead of Wilson's, which fall short where a share of few photos is near 1)."""
    difference = share.value - reference.value
    below = sqrt((share.value - share.low) ** 2 + (reference.high - reference.value) ** 2)
    above = sqrt((share.high - share.value) ** 2 + (reference.value - reference.low) ** 2)
    return [max(-1.0, difference - below), min(1.0, difference + above)]
