"""Effects and scores by feature: what people know (TFDV's distances, medians), for every feature, whether anything fires or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from flowers_tfx.validation.table import Photos

Floats = npt.NDArray[np.float64]
BUCKETS = 10


def of(baseline: Photos, new: Photos) -> dict[str, dict[str, float | None]]:
    """Feature to method to value; None where nothing can be measured."""
    found: dict[str, dict[str, float | None]] = {}
    for name, old in baseline.numbers.items():
        fresh = new.numbers[name]
        here, there = old[np.isfinite(old)], fresh[np.isfinite(fresh)]
        found[name] = {
            "jensen_shannon_divergence": jensen_shannon(here, there),
            "kolmogorov_smirnov": distance(here, there),
            "baseline_median": _median(here),
            "new_median": _median(there),
            "baseline_missing": _share(len(old) - len(here), len(old)),
            "new_missing": _share(len(fresh) - len(there), len(fresh)),
        }
    words = {"label": (baseline.labels, new.labels), **{name: (values, new.words[name]) for name, values in baseline.words.items()}}
    for name, (old_words, new_words) in words.items():
        found[name] = {"l_infinity_norm": l_infinity(old_words, new_words), "total_variation": total_variation(old_words, new_words)}
    return found


def distance(old: Floats, new: Floats) -> float | None:
    """Kolmogorov-Smirnov: the largest difference of the shares below any value, 0 to 1."""
    if not len(old) or not len(new):
        return None
    values = np.concatenate([old, new])
    below = [np.searchsorted(np.sort(side), values, side="right") / len(side) for side in (old, new)]
    return float(np.abs(below[0] - below[1]).max())


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


def shares(words: Iterable[object]) -> dict[str, float]:
    counts = Counter(str(word) for word in words if word is not None)
    total = sum(counts.values())
    return {word: count / total for word, count in sorted(counts.items())}


def l_infinity(old: Iterable[object], new: Iterable[object]) -> float | None:
    """Largest difference of any word's share, as TFDV's comparator for strings."""
    differences = _differences(old, new)
    return max(differences, default=None)


def total_variation(old: Iterable[object], new: Iterable[object]) -> float | None:
    """Share of photos that would have to change their word."""
    differences = _differences(old, new)
    return sum(differences) / 2 if differences else None


def _differences(old: Iterable[object], new: Iterable[object]) -> list[float]:
    here, there = shares(old), shares(new)
    return [abs(here.get(word, 0.0) - there.get(word, 0.0)) for word in {*here, *there}] if here and there else []


def _median(values: Floats) -> float | None:
    return float(np.median(values)) if len(values) else None


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
