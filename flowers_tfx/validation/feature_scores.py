"""Well-known scores (TFDV's distances, medians) of every feature, with and without findings."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from flowers_tfx import features
from flowers_tfx.validation.effects import Floats, kolmogorov_smirnov, share_differences, total_variation
from flowers_tfx.validation.tables.photo_table import Photos

BUCKETS = 10
WARN_AT, ERROR_AT = "warn_at_points", "error_at_points"  # methods of scores: the effects that warn and that stop
Words = npt.NDArray[np.object_]


def feature_scores(baseline: Photos, new: Photos) -> dict[str, dict[str, float | None]]:
    """Feature to method to value; None if it cannot be measured."""
    scores = {name: _number_scores(values, new.numbers[name]) for name, values in baseline.numbers.items()}
    scores[features.LABEL] = _word_scores(baseline.labels, new.labels)
    return scores | {name: _word_scores(values, new.words[name]) for name, values in baseline.words.items()}


def _number_scores(old: Floats, new: Floats) -> dict[str, float | None]:
    finite_old, finite_new = old[np.isfinite(old)], new[np.isfinite(new)]
    return {
        "jensen_shannon_divergence": jensen_shannon(finite_old, finite_new),
        "kolmogorov_smirnov": kolmogorov_smirnov(finite_old, finite_new),
        "baseline_median": _median(finite_old),
        "new_median": _median(finite_new),
        "baseline_missing": _share(len(old) - len(finite_old), len(old)),
        "new_missing": _share(len(new) - len(finite_new), len(new)),
    }


def _word_scores(old: Words, new: Words) -> dict[str, float | None]:
    return {"l_infinity_norm": l_infinity(old, new), "total_variation": total_variation(old, new)}


def jensen_shannon(old: Floats, new: Floats) -> float | None:
    """Jensen-Shannon divergence, base 2, of histograms of 10 equal buckets over the range of both: TFDV's on raw values. 0 to 1."""
    if not len(old) or not len(new):
        return None
    low, high = min(old.min(), new.min()), max(old.max(), new.max())
    if low == high:
        return 0.0
    shares = [np.histogram(side, BUCKETS, (low, high))[0] / len(side) for side in (old, new)]
    middle = (shares[0] + shares[1]) / 2
    return float(sum(0.5 * np.sum(side * np.log2(np.where(side > 0, side / np.where(middle > 0, middle, 1), 1))) for side in shares))


def l_infinity(old: Iterable[object], new: Iterable[object]) -> float | None:
    """Largest difference of any word's share, as TFDV's comparator for strings."""
    return max(share_differences(old, new), default=None)


def _median(values: Floats) -> float | None:
    return float(np.median(values)) if len(values) else None


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
