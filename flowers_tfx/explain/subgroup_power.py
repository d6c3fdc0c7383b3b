"""How small a subgroup's excess of errors can be for the search to find it: "none found" says nothing about smaller ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from flowers_tfx.explain.outcomes import Doubles
from flowers_tfx.explain.significance import LEVEL
from flowers_tfx.explain.subgroup_search import MOST_TESTED

GROUP, POWER = 0.25, 0.8  # for which size of a subgroup, and how surely
_RARE = 1e-6  # outcomes that are less likely are left out of the sums


def smallest_effect(searched: int, tested: int, base: float, rules: int) -> dict[str, Any]:
    """`rate`: the error rate, a whole percentage, that a quarter of the photos must have, while the others have the rate `base`, to be
    found with a power of 80 %; None where even 100 % is not enough, or without photos.

    Two things must happen, in halves that are independent: in the searched half the subgroup looks worse than the best of `rules` rules
    does by chance, about a p-value of 1 / rules; in the tested half it is significant with the strictest correction.
    """
    rate = None
    if searched and tested and rules:
        steps = [step / 100 for step in range(101) if step / 100 >= base]
        powers = _powers(searched, base, 1 / rules, steps) * _powers(tested, base, LEVEL / MOST_TESTED, steps)
        rate = next((step for step, power in zip(steps, powers, strict=True) if power >= POWER), None)
    return {"share_of_photos": GROUP, "power": POWER, "rate": rate}


def _powers(photos: int, base: float, level: float, rates: list[float]) -> Doubles:
    """The chance that Fisher's one-sided test of a quarter of the photos against the others has a p-value of at most `level`, for each
    error rate of the quarter. Exact: a sum over all outcomes."""
    inside = round(GROUP * photos)
    outside = photos - inside
    low, high = (int(stats.binom.ppf(tail, outside, base)) for tail in (_RARE, 1 - _RARE))
    rest, part = np.arange(max(low, 0), high + 1), np.arange(inside + 1)
    p_values = stats.hypergeom.sf(part[:, None] - 1, photos, part[:, None] + rest[None, :], inside)
    found = (p_values <= level) @ stats.binom.pmf(rest, outside, base)
    return np.array([float(stats.binom.pmf(part, inside, rate) @ found) for rate in rates])
