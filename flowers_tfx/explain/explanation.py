"""An explanation of one answer: where in the picture the evidence for a class lies, and how far that can be trusted."""

from __future__ import annotations

from dataclasses import dataclass

from flowers_tfx.explain.methods import Method
from flowers_tfx.explain.model_function import Floats


@dataclass(frozen=True)
class Region:
    """A connected part of the picture. `box`: x0, y0, x1, y1 as shares of width and height, 0 to 1; `share`: of all positive evidence."""

    box: tuple[float, float, float, float]
    share: float


@dataclass(frozen=True)
class Quality:
    """The checks of one map; None for one that does not apply or was not run.

    `completeness_error`: of integrated gradients, |sum of the map - difference of the logits| / |difference of the logits|.
    `deletion_auc`, `insertion_auc`: mean probability of the class, 0 to 1, while the map's most important pixels are taken out of the
    picture, or put into an empty one; low and high are good. The same for pixels in random order, by an edge detector, and from the
    centre outwards.
    `stability`: rank correlation, -1 to 1, with the map of the picture under small noise.
    `randomised_correlation`: absolute rank correlation, 0 to 1, with the map of a network with random weights; high is bad.
    `reasons`: why the map is not trustworthy, sentences; empty where it is.
    """

    deletion_auc: float
    insertion_auc: float
    random_deletion_auc: float
    random_insertion_auc: float
    edge_deletion_auc: float
    edge_insertion_auc: float
    centre_deletion_auc: float
    centre_insertion_auc: float
    stability: float | None = None
    randomised_correlation: float | None = None
    completeness_error: float | None = None
    reasons: tuple[str, ...] = ()

    @property
    def trustworthy(self) -> bool:
        return not self.reasons


@dataclass(frozen=True)
class Explanation:
    """Why a picture got the class with the index `target`. `map` float32 [s, s]: evidence for the class, negative against it, in the
    geometry of the picture. `regions`: the fewest that hold 80 % of the positive evidence, largest share first. `runner_up`: the class
    with the next largest probability, and what speaks for it, a map of the same kind."""

    target: int
    method: Method
    map: Floats
    regions: tuple[Region, ...]
    quality: Quality
    runner_up: int
    runner_up_map: Floats
    seconds: float
