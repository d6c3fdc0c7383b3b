"""Temperature scaling (Guo et al. 2017): logits are divided by one number, so that probabilities are as often right as they say."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from flowers_tfx.model.splits import Labels

_BINS = 10
# A handful of photos that are all right would ask for a temperature of 0: it is a guess that starts from 1, which few photos move little.
_PRIOR_DEVIATION = 0.5  # of log(temperature)
_CANDIDATES = np.exp(np.linspace(np.log(0.1), np.log(10), 461))  # steps of 1 %

Logits = npt.NDArray[np.float32]


def fit_temperature(logits: Logits, labels: Labels) -> float:
    """The most probable temperature, 0.1 to 10, after these photos; logits are [N, classes]. 1 without photos."""
    penalties = np.log(_CANDIDATES) ** 2 / (2 * _PRIOR_DEVIATION**2)
    losses = [_negative_log_likelihood(logits / temperature, labels) for temperature in _CANDIDATES]
    return float(_CANDIDATES[int(np.argmin(np.array(losses) + penalties))])


def calibration_error(logits: Logits, labels: Labels) -> float:
    """Expected calibration error of the top class over 10 bins of equal width, weighted by their photos; 0 without photos."""
    if not len(labels):
        return 0.0
    probabilities = np.exp(_log_softmax(logits))
    top, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    bins = np.minimum((top * _BINS).astype(int), _BINS - 1)
    gaps = [abs(float(top[bins == at].sum()) - int(right[bins == at].sum())) for at in np.unique(bins)]
    return sum(gaps) / len(labels)


def log_losses(logits: Logits, labels: Labels) -> npt.NDArray[np.float64]:
    """Of each photo, the negative logarithm of the probability of its class."""
    losses: npt.NDArray[np.float64] = -_log_softmax(logits)[np.arange(len(labels)), labels]
    return losses


def _negative_log_likelihood(logits: Logits, labels: Labels) -> float:
    return float(log_losses(logits, labels).sum())


def _log_softmax(logits: Logits) -> npt.NDArray[np.float64]:
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True, initial=-np.inf)
    result: npt.NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result
