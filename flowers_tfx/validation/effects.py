"""How large a change is, in points: hundredths of a share.

- property: largest difference of the shares of photos below any value (Kolmogorov-Smirnov), or of a category's share;
- tail: how many more photos lie beyond a value; label: photos that would have to change their class (total variation);
- joint, content: how much better than by tossing a coin the best line between the groups sorts a photo: 100 (Phi(d/2) - 1/2), with d the
  distance of the means in standard deviations (Mahalanobis), minus the value expected by chance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]


def kolmogorov_smirnov(old: Floats, new: Floats) -> float | None:
    """The largest difference of the shares below any value, 0 to 1. None if a side is empty."""
    if not len(old) or not len(new):
        return None
    values = np.concatenate([old, new])
    below = [np.searchsorted(np.sort(side), values, side="right") / len(side) for side in (old, new)]
    return float(np.abs(below[0] - below[1]).max())


def word_shares(words: Iterable[object]) -> dict[str, float]:
    """Word to its share, 0 to 1, of those that are not None."""
    counts = Counter(str(word) for word in words if word is not None)
    total = sum(counts.values())
    return {word: count / total for word, count in sorted(counts.items())}


def share_differences(old: Iterable[object], new: Iterable[object]) -> list[float]:
    """One of each word that either side has; empty if a side has no words."""
    before, after = word_shares(old), word_shares(new)
    return [abs(before.get(word, 0.0) - after.get(word, 0.0)) for word in {*before, *after}] if before and after else []


def total_variation(old: Iterable[object], new: Iterable[object]) -> float | None:
    """Share of photos that would have to change their word, 0 to 1. None if a side has no words."""
    differences = share_differences(old, new)
    return sum(differences) / 2 if differences else None


def separation_points(separation: float) -> float:
    """Points by which the best line sorts better than chance, from the squared distance of the means in standard deviations."""
    return 100 * float(special.ndtr(sqrt(max(separation, 0.0)) / 2) - 0.5)
