"""From which distance and which doubt on a photo is not known: so that of new photos of known classes a stated share is refused.

Split conformal prediction: among n photos that the model has not seen, and one more of the same kind, every rank is equally likely.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from flowers_tfx.model.unknown_detector import Scale

# Of the share that may be refused. Doubt of the network alone separates badly: it mostly serves to rank photos below the limit.
_UNSURE_SHARE = 0.1
FEWEST_PHOTOS = 5  # with fewer, nothing is refused
_CONFIDENCE = 0.95

Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Limits:
    """`share`: of new photos of known classes, how many are refused on average; `interval`: where the share of this model lies with a
    probability of 0.95, since n photos decide the limit. Without photos enough for the share, their largest value is the limit."""

    far: Scale
    unsure: Scale
    share: float
    interval: tuple[float, float]


def fit_limits(distances: Values, doubts: Values, refused: float) -> Limits:
    """From photos of known classes that the model has not seen, [N] each, N at least 1."""
    number = len(distances)
    far, unsure = (_scale(values, 1 - refused * share) for values, share in ((distances, 1 - _UNSURE_SHARE), (doubts, _UNSURE_SHARE)))
    if refused == 0 or number < FEWEST_PHOTOS:
        return Limits(_cut(far), _cut(unsure), 0.0, (0.0, 0.0))
    rank = min(math.ceil((number + 1) * (1 - refused)), number)
    largest = np.sort(np.maximum(far(distances), unsure(doubts)))
    factor = float(largest[rank - 1])
    low, high = (float(stats.beta.ppf(p, number + 1 - rank, rank)) for p in ((1 - _CONFIDENCE) / 2, (1 + _CONFIDENCE) / 2))
    return Limits(_stretch(far, factor), _stretch(unsure, factor), (number + 1 - rank) / (number + 1), (low, high))


def _scale(values: Values, quantile: float) -> Scale:
    middle, limit = (float(value) for value in np.quantile(values, (0.5, quantile)))
    return Scale(middle, limit)


def _stretch(scale: Scale, factor: float) -> Scale:
    return Scale(scale.middle, scale.middle + factor * (scale.limit - scale.middle))


def _cut(scale: Scale) -> Scale:
    return Scale(scale.middle, scale.limit, cut=True)
