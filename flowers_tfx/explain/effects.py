"""Sizes of effects with their 95 % intervals, as they stand in explanations.json: plain numbers with 4 decimals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from flowers_tfx.wilson import wilson_interval

Doubles = npt.NDArray[np.float64]

_UPPER = 0.975  # of the 95 % interval


def number(value: float) -> float:
    return round(float(value), 4)


def share(hits: npt.NDArray[np.bool_], name: str) -> dict[str, Any]:
    """The share of `hits` and its Wilson interval; None without cases."""
    value = float(hits.mean()) if len(hits) else None
    interval = wilson_interval(value, len(hits))
    return {name: None if value is None else number(value), f"{name}_interval": _rounded(interval)}


def mean(values: Doubles, name: str, groups: npt.NDArray[np.int64] | None = None) -> dict[str, Any]:
    """The mean of `values` and its interval by Student's t; no interval for fewer than two values. Values of one group, such as those of
    one photo, are not independent: the wider of the intervals over values and over means of groups is taken."""
    if not len(values):
        return {name: None, f"{name}_interval": None}
    middle, halves = float(values.mean()), [_half_width(values)]
    if groups is not None:
        _, members = np.unique(groups, return_inverse=True)
        halves.append(_half_width(np.bincount(members, weights=values) / np.bincount(members)))
    half = max(halves)
    return {name: number(middle), f"{name}_interval": _rounded((middle - half, middle + half)) if math.isfinite(half) else None}


def _half_width(values: Doubles) -> float:
    if len(values) < 2:
        return math.inf
    return float(stdtrit(len(values) - 1, _UPPER) * values.std(ddof=1) / math.sqrt(len(values)))


def _rounded(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else [number(end) for end in interval]
