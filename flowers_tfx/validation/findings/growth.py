"""Values of a property whose share grew most: what a reviewer has to see of a change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flowers_tfx.validation.effects import Floats

Rows = npt.NDArray[np.int64]
# A value that this share of a side's photos have stands for itself; the others are counted in ranges of `_RANGE_SHARE` of all photos.
_OWN_SHARE = 0.04
_RANGE_SHARE = 0.1
_FEW_VALUES = 24
# A range is joined with its neighbours if their shares grew by at least this part of the growth of the range.
_NEIGHBOUR = 0.25


@dataclass(frozen=True)
class Growth:
    """Photos with values from `low` to `high` went from a share of `old` to one of `new`, in points. `is_lowest`, `is_highest`: no photo
    has a lower, a higher value. `rows`: new photos by the growth of their range, the most first, those of ranges that grew."""

    low: float
    high: float
    is_lowest: bool
    is_highest: bool
    old: float
    new: float
    rows: Rows


def largest_growth(old: Floats, new: Floats) -> Growth:
    """`old`, `new`: finite values, neither empty."""
    both = np.concatenate([old, new])
    cuts = _cuts(old, new)
    bins = np.searchsorted(cuts, both, side="right")
    counts = [np.bincount(side, minlength=len(cuts) + 1) for side in (bins[: len(old)], bins[len(old) :])]
    growth = counts[1] / len(new) - counts[0] / len(old)
    first = last = int(np.argmax(growth))
    filled = np.flatnonzero(counts[0] + counts[1])
    least = max(_NEIGHBOUR * growth[first], np.finfo(float).tiny)
    at = int(np.searchsorted(filled, first))
    low = high = at
    while low > 0 and growth[filled[low - 1]] >= least:
        low -= 1
    while high < len(filled) - 1 and growth[filled[high + 1]] >= least:
        high += 1
    first, last = int(filled[low]), int(filled[high])
    inside = both[(bins >= first) & (bins <= last)]
    shares = [100 * float(side[first : last + 1].sum()) / size for side, size in zip(counts, (len(old), len(new)), strict=True)]
    new_bins = bins[len(old) :]
    order = np.argsort(-growth[new_bins], kind="stable")
    grown = order[growth[new_bins[order]] > 0]
    return Growth(
        float(inside.min()), float(inside.max()), inside.min() <= both.min(), inside.max() >= both.max(), shares[0], shares[1], grown
    )


def _cuts(old: Floats, new: Floats) -> Floats:
    """Lower ends of ranges, without that of the lowest."""
    values = _unique(np.concatenate([old, new]))
    if len(values) <= _FEW_VALUES:
        return values[1:]
    common = []
    for side in (old, new):
        own, counts = np.unique(side, return_counts=True)
        common.append(own[counts >= max(_OWN_SHARE * len(side), 3)])
    alone = np.unique(np.concatenate(common))
    quantiles = np.quantile(np.concatenate([old, new]), np.arange(_RANGE_SHARE, 1, _RANGE_SHARE), method="lower")
    return _unique(np.concatenate([quantiles, alone, np.nextafter(alone, np.inf)]))


def _unique(values: Floats) -> Floats:
    unique: Floats = np.unique(values)
    return unique
