"""How far a map can be trusted: its checks, and the one rule that judges them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from flowers_tfx.explain.curves import cells_of, run_curves
from flowers_tfx.explain.explanation import Quality
from flowers_tfx.explain.hidden_parts import HiddenParts
from flowers_tfx.explain.model_function import Answers, Floats, Pictures
from flowers_tfx.explain.orders import edges, from_the_centre, pool, random_order

RANDOM_ORDERS = 4
_COMPARED = 28
NOISE = 4.0  # standard deviation of the small noise, of 255 levels

# The limits of the verdict, from 95 test photos of a model with five classes.
# How much better a curve's area must be than the mean of random orders; at most half of what random orders leave, since there the noise is
# smaller too. One random order against the mean of others passes on both curves for 5 % of the photos; the maps of rise for 93 %.
LEAST_GAIN = 0.05
MOST_COMPLETENESS_ERROR = 0.05
# Of the maps of two different photos, 1 in 1,000 pairs correlates more.
LEAST_STABILITY = 0.4
# Half of what a map that ignores the weights has. No map of rise had more than 0.34; maps of different photos have 0.1 in the mean.
MOST_RANDOMISED_CORRELATION = 0.5


@dataclass(frozen=True)
class MapChecks:
    """What a method knows of its own map; as in Quality."""

    stability: float | None = None
    randomised_correlation: float | None = None
    completeness_error: float | None = None


def measure_quality(evidence: Floats, parts: HiddenParts, answers: Answers, target: int, checks: MapChecks) -> Quality:
    """Of a map [s, s] for the class `target` of the picture."""
    cells = cells_of(parts.size)
    orders = [pool(evidence, cells), edges(parts.picture, cells), from_the_centre(cells)]
    orders += [random_order(cells, seed) for seed in range(RANDOM_ORDERS)]
    deletion, insertion = run_curves(parts, answers, orders).areas(target)
    quality = Quality(
        deletion_auc=float(deletion[0]),
        insertion_auc=float(insertion[0]),
        random_deletion_auc=float(deletion[3:].mean()),
        random_insertion_auc=float(insertion[3:].mean()),
        edge_deletion_auc=float(deletion[1]),
        edge_insertion_auc=float(insertion[1]),
        centre_deletion_auc=float(deletion[2]),
        centre_insertion_auc=float(insertion[2]),
        stability=checks.stability,
        randomised_correlation=checks.randomised_correlation,
        completeness_error=checks.completeness_error,
    )
    return replace(quality, reasons=judge(quality))


def judge(quality: Quality) -> tuple[str, ...]:
    """Why a map with these checks is not trustworthy; empty where it is."""
    failures = (
        (
            quality.random_deletion_auc - quality.deletion_auc < _least_gain(quality.random_deletion_auc),
            "Hiding the parts that the map marks lowers the answer no faster than hiding random parts.",
        ),
        (
            quality.insertion_auc - quality.random_insertion_auc < _least_gain(1 - quality.random_insertion_auc),
            "Showing only the parts that the map marks brings the answer back no faster than showing random parts.",
        ),
        (
            quality.completeness_error is not None and not quality.completeness_error <= MOST_COMPLETENESS_ERROR,
            f"The evidence does not add up to the answer: it misses more than {MOST_COMPLETENESS_ERROR:.0%} of it.",
        ),
        (
            quality.stability is not None and not quality.stability >= LEAST_STABILITY,
            "The map changes much when the photo changes a little.",
        ),
        (
            quality.randomised_correlation is not None and not quality.randomised_correlation <= MOST_RANDOMISED_CORRELATION,
            "The map looks much the same for a model with random weights.",
        ),
    )
    return tuple(reason for failed, reason in failures if failed)


def _least_gain(room: float) -> float:
    """`room`: between the area of random orders and the best one there is."""
    return min(LEAST_GAIN, room / 2)


def add_noise(picture: Pictures, seed: int = 0) -> Pictures:
    """The picture with a little Gaussian noise, which people hardly see."""
    noise = np.random.default_rng(seed).normal(0, NOISE, picture.shape)
    return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


def rank_correlation(first: Floats, second: Floats) -> float:
    """Spearman's, -1 to 1, of two maps [s, s] over the same picture, in at most _COMPARED cells a side: nobody reads a map pixel by pixel.
    0 where all values of a map are equal."""
    cells = min(_COMPARED, len(first))
    ranks = [_mean_ranks(pool(values, cells).ravel()) for values in (first, second)]
    deviations = [values - values.mean() for values in ranks]
    scale = float(np.sqrt((deviations[0] ** 2).sum() * (deviations[1] ** 2).sum()))
    return float((deviations[0] * deviations[1]).sum()) / scale if scale > 0 else 0.0


def _mean_ranks(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The place of each value; equal values share the mean of their places."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts, dtype=np.float64)
    ranks: npt.NDArray[np.float64] = (ends - (counts - 1) / 2)[group.reshape(-1)]
    return ranks
