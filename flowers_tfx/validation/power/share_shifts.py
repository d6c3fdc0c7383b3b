"""The smallest change of shares that would have been found: of the values of a category, and of classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy import stats

from flowers_tfx.validation.permutation import Floats, Permutations
from flowers_tfx.validation.photo_pool import Codes
from flowers_tfx.validation.power.hypothetical import CriticalValues, Sizes, smallest_strength
from flowers_tfx.validation.views.column_scores import chi_squared

REVIEWS = 200
# Possible counts in the baseline, of a share in the population.
_QUANTILES = (np.arange(8) + 0.5) / 8


def smallest_category_effect(values: Sequence[object], permutations: Permutations, critical: float) -> float | None:
    """In points: so many photos change from the most frequent value to the next, or to a new one. None if no change would be found."""
    counts = [count / len(values) for _, count in Counter(str(value) for value in values if value is not None).most_common(2)]
    if not counts:
        return None
    largest, next_one = (*counts, 0.0)[:2]
    falls = _rejection(largest, permutations, critical, upper=False)
    rises = _rejection(next_one, permutations, critical, upper=True)

    def share_found(moved: float) -> float:
        new = permutations.new
        fallen = stats.binom.cdf(falls, new, max(largest - moved, 0.0)).mean()
        risen = stats.binom.sf(rises - 1, new, min(next_one + moved, 1.0)).mean()
        return float(max(fallen, risen))

    strength = smallest_strength(share_found, largest)
    return None if strength is None else 100 * strength


def _rejection(share: float, permutations: Permutations, critical: float, upper: bool) -> Floats:
    """By quantile of the baseline's count: the count of the new photos from which (up to which) it is found; beyond all counts: never."""
    sizes = Sizes.of(permutations)
    new = np.arange(sizes.new + 1)
    limits = []
    for old in stats.binom.ppf(_QUANTILES, sizes.old, share) if share else np.zeros(1):
        law = stats.hypergeom(sizes.all, int(old) + new, sizes.new)
        tail = (law.sf(new) if upper else law.cdf(new - 1)) + law.pmf(new) / 2
        found = new[tail < stats.norm.sf(critical)]
        limits.append((found.min() if upper else found.max()) if len(found) else (sizes.new + 1 if upper else -1))
    return np.array(limits, np.float64)


def smallest_class_effect(classes: Codes, is_new: Codes, permutations: Permutations, critical: CriticalValues) -> float | None:
    """In points (total variation): half of the classes become more frequent and the others rarer, which is the hardest change to see."""
    flags = classes[:, None] == np.arange(classes.max() + 1)[None]
    sizes = Sizes.of(permutations)
    shares = flags[is_new == 0].mean(axis=0)
    squares = chi_squared(permutations, flags)[1:]
    totals = flags.sum(axis=0)
    deviations = np.sqrt(totals * (1 - totals / sizes.all) / sizes.all * permutations.spread)
    largest = np.abs(permutations.sums(flags)[1:] - totals * sizes.new / sizes.all) / np.maximum(deviations, 1e-9)
    draws = np.stack([squares.sum(axis=1), largest.max(axis=1)], axis=1)

    def share_found(moved: float) -> float:
        random = np.random.default_rng(0)
        old = random.multinomial(sizes.old, shares, REVIEWS)
        new = random.multinomial(sizes.new, _moved_shares(shares, moved), REVIEWS)
        return critical.exceeded(draws, _class_statistics(old, new, permutations.spread))

    strength = smallest_strength(share_found, 1 - float(shares[shares > 0].min()))
    return None if strength is None else 100 * strength


def _moved_shares(shares: Floats, moved: float) -> Floats:
    """Shares at a distance (total variation) of `moved`: every second class, by size, grows; when the others are gone, its rarest does."""
    order = np.argsort(-shares, kind="stable")
    grows = np.isin(np.arange(len(shares)), order[1::2]) & (shares > 0)
    if not grows.any():
        return shares
    falling = float(shares[~grows].sum())
    first = min(moved, falling)
    result = np.where(grows, shares * (1 + first / shares[grows].sum()), shares * (1 - first / falling))
    rarest = np.where(grows, shares, np.inf).argmin()
    rest = (moved - first) / max(1 - shares[rarest] - falling, 1e-12)
    result = (1 - rest) * result + rest * (np.arange(len(shares)) == rarest)
    whole: Floats = np.maximum(result, 0.0) / np.maximum(result, 0.0).sum()
    return whole


def _class_statistics(old: Codes, new: Codes, spread: float) -> Floats:
    """[reviews, 2]: chi-squared and the largest score, as the view of labels has them, of counts [reviews, classes]."""
    totals = old + new
    photos, of_new = totals.sum(axis=1, keepdims=True), new.sum(axis=1, keepdims=True)
    expected = totals * of_new / photos
    squares = ((new - expected) ** 2 / np.maximum(expected, 1e-12)).sum(axis=1)
    deviations = np.sqrt(totals * (1 - totals / photos) / photos * spread)
    scores = np.abs(new - expected) / np.maximum(deviations, 1e-9)
    return np.stack([squares, scores.max(axis=1)], axis=1)
