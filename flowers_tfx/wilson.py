"""The confidence interval of a share."""

from __future__ import annotations

from math import isfinite, sqrt

_Z95 = 1.959964


def wilson_interval(share: float | None, count: int) -> tuple[float, float] | None:
    """The 95 % interval of a share that was measured on `count` cases (E. B. Wilson, 1927); None without a share or cases."""
    if share is None or not isfinite(share) or count < 1:
        return None
    square = _Z95 * _Z95 / count
    middle = (share + square / 2) / (1 + square)
    half = sqrt(share * (1 - share) * square + square * square / 4) / (1 + square)
    return max(0.0, middle - half), min(1.0, middle + half)
