"""Columns that several views test: ranks and counts of photos, as scores under every permutation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

from flowers_tfx.validation.permutation import Floats, Permutations, upper_shares
from flowers_tfx.validation.views.view_result import Column, ViewResult

Flags = npt.NDArray[np.bool_]


def mid_ranks(values: Floats) -> Floats:
    """Mid-ranks in (0, 1), 0.5 where missing; equal values keep equal ranks."""
    ranks = np.full(len(values), 0.5)
    finite = np.isfinite(values)
    if finite.any():
        ranks[finite] = (stats.rankdata(values[finite]) - 0.5) / finite.sum()
    return ranks


def legendre(ranks: Floats) -> tuple[Floats, Floats]:
    """First and second orthonormal polynomial on (0, 1): location and spread (Neyman's smooth test, 1937)."""
    return np.sqrt(12) * (ranks - 0.5), np.sqrt(5) * (6 * ranks**2 - 6 * ranks + 1)


def flags_at_quantiles(values: Floats, shares: tuple[float, ...]) -> list[tuple[float, Flags]]:
    """Cut and the photos at or below it, for each quantile; equal cuts once."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return []
    with np.errstate(invalid="ignore"):
        return [(float(cut), values <= cut) for cut in np.unique(np.quantile(finite, shares, method="lower"))]


def score_columns(
    permutations: Permutations,
    ranked: Sequence[tuple[Column, Floats]],
    flagged: Sequence[tuple[Column, Flags]],
    values: Mapping[str, Floats],
    one_sided: bool = False,
) -> ViewResult:
    """Scores of columns of numbers and of flags. Flags that all photos have, or none, are left out."""
    parts: list[Floats] = []
    columns: list[Column] = []
    if ranked:
        parts.append(permutations.scores(np.stack([numbers for _, numbers in ranked], axis=1)))
        columns += [column for column, _ in ranked]
    useful = [(column, flag) for column, flag in flagged if 0 < flag.sum() < len(flag)]
    if useful:
        parts.append(permutations.flag_scores(np.stack([flag for _, flag in useful], axis=1)))
        columns += [column for column, _ in useful]
    scores = np.concatenate(parts, axis=1) if parts else np.zeros((len(permutations.groups), 0))
    return ViewResult(scores if one_sided else np.abs(scores), tuple(columns), values)


def to_log_p_values(statistics: Floats) -> Floats:
    """Columns of different distributions on one scale: minus the logarithm of their p-values."""
    return np.stack([-np.log(upper_shares(column)) for column in statistics.T], axis=1)


def chi_squared(permutations: Permutations, flags: Flags) -> Floats:
    """[1 + draws, classes]: terms of Pearson's statistic of the table of groups and classes, up to a constant."""
    expected = flags.sum(axis=0) * permutations.new / permutations.photos
    terms: Floats = (permutations.sums(flags) - expected) ** 2 / np.maximum(expected, 1e-12)
    return terms
