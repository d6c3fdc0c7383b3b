"""Two kinds of settings on the same photos, which neither saw: paired differences with an interval."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

from flowers_tfx.model.tuning_trials import PhotoScores
from flowers_tfx.reports.tuning import HeldOutComparison, MeanChange

_LEVEL = 0.95


def compare_held_out(best: PhotoScores, configured: PhotoScores) -> HeldOutComparison:
    losses, right = _mean_change(best.losses, configured.losses), _mean_change(best.right, configured.right)
    return HeldOutComparison(len(best.losses), losses, right)


def _mean_change(best: npt.NDArray[np.float64], configured: npt.NDArray[np.float64]) -> MeanChange:
    """The interval is that of the paired t-test."""
    differences = best - configured
    number, mean = len(differences), float(differences.mean())
    interval = None
    if number > 1:
        half = float(stats.t.ppf((1 + _LEVEL) / 2, number - 1) * differences.std(ddof=1) / np.sqrt(number))
        interval = mean - half, mean + half
    return MeanChange(float(best.mean()), float(configured.mean()), mean, interval)
