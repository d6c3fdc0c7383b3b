"""The accuracy that a model's probabilities promise on photos without labels.

On its own test photos the model's probability of the class that it answered is set beside how often it was right (confidence-based
performance estimation; the form is J. C. Platt's, 1999: the logit of being right is a + b times the logit of the probability). Few test
photos say little of a and b, so they have priors: a calibrated model (a = 0, b = 1), which its temperature aims at. What the calibration
cannot know is whether it also holds for changed photos: `_TRANSFER_DEVIATION` is how far a may move there. ADR 34 has the figures behind
these numbers, from planted changes and real ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from flowers_tfx.validation.model_figures import CalibrationBin
from flowers_tfx.validation.shares import Share

_PRIOR_MEANS = np.array([0.0, 1.0])
_PRIOR_DEVIATIONS = np.array([0.3, 0.25])
_TRANSFER_DEVIATION = 0.4
_LEAST_PROBABILITY = 1e-6
_STEPS = 50

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ConfidenceCalibration:
    """Fitted to the bins of the test photos; without any it is the prior."""

    bins: Sequence[CalibrationBin]

    def accuracy(self, probabilities: Floats, confidence: float) -> Share:
        """The estimated share of right answers among photos, one or more, with these probabilities, and the interval that holds the real
        one with this confidence."""
        coefficients, covariance = self._fit
        design = _design(probabilities)
        right = special.expit(design @ coefficients)
        mean = float(right.mean())
        spread = right * (1 - right)
        gradient = (design * spread[:, None]).mean(axis=0)
        transfer = np.diag([_TRANSFER_DEVIATION**2, 0.0])
        # The coefficients are uncertain, and so is each answer, even where its probability of being right is known.
        variance = float(gradient @ (covariance + transfer) @ gradient + spread.mean() / len(right))
        # On the scale of logits, so that the interval stays between 0 and 1.
        half = float(stats.norm.ppf((1 + confidence) / 2)) * sqrt(variance) / (mean * (1 - mean))
        logit = float(special.logit(mean))
        return Share(mean, float(special.expit(logit - half)), float(special.expit(logit + half)))

    @cached_property
    def _fit(self) -> tuple[Floats, Floats]:
        """The most probable coefficients after the test photos (Newton's method), and their covariance there."""
        design = _design(np.array([one.probability for one in self.bins], np.float64))
        photos = np.array([one.photos for one in self.bins], np.float64)
        correct = np.array([one.correct for one in self.bins], np.float64)
        precision = np.diag(_PRIOR_DEVIATIONS**-2)
        coefficients = _PRIOR_MEANS.copy()
        for _ in range(_STEPS):
            right = special.expit(design @ coefficients)
            gradient = design.T @ (correct - photos * right) - precision @ (coefficients - _PRIOR_MEANS)
            step = np.linalg.solve(_curvature(design, photos, right, precision), gradient)
            coefficients += step
            if np.abs(step).max() < 1e-9:
                break
        return coefficients, np.linalg.inv(_curvature(design, photos, special.expit(design @ coefficients), precision))


def _design(probabilities: Floats) -> Floats:
    """[photos, 2]: 1, and the logit of the probability."""
    logits = special.logit(np.clip(probabilities, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY))
    return np.stack([np.ones(len(logits)), logits], axis=1)


def _curvature(design: Floats, photos: Floats, right: Floats, precision: Floats) -> Floats:
    result: Floats = (design * (photos * right * (1 - right))[:, None]).T @ design + precision
    return result
