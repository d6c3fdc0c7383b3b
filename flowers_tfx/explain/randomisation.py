"""The test with random weights (Adebayo and others 2018): a map that stays the same while the network forgets what it has learned explains
nothing of the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flowers_tfx.explain.gradient_maps import CHECK_PIECES, attribute, coarse
from flowers_tfx.explain.methods import Method
from flowers_tfx.explain.model_function import Floats, Gradients, Pictures
from flowers_tfx.explain.quality import rank_correlation
from flowers_tfx.progress import ProgressCallback

_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the layers before the head


@dataclass(frozen=True)
class Stage:
    """The last `layers` layers of the network have random weights, the head first. Means over the pictures of the rank correlation, -1 to
    1, with the maps of the trained network: of the values as they are, and of their sizes without the sign."""

    layers: int
    correlation: float
    correlation_of_sizes: float


def cascade(
    method: Method, gradients: Gradients, pictures: Sequence[Pictures], targets: Sequence[int], classes: int, progress: ProgressCallback
) -> list[Stage]:
    """A row for the head alone, and for the head and a quarter, half, three quarters and all of the layers before it. `targets`: the class
    that the map of each picture is for."""

    def maps(network: Gradients) -> list[Floats]:
        rows = []
        for picture, target in zip(pictures, targets, strict=True):
            rows.append(coarse(attribute(method, network, picture, target, classes, CHECK_PIECES).map))
            progress(next(counter), total)
        return rows

    numbers = sorted({1 + round(share * (gradients.layers - 1)) for share in _SHARES})
    total = len(pictures) * (len(numbers) + 1)
    counter = iter(range(1, total + 1))
    trained = maps(gradients)
    return [_compare(number, trained, maps(gradients.randomised(number))) for number in numbers]


def _compare(layers: int, trained: Sequence[Floats], random: Sequence[Floats]) -> Stage:
    pairs = list(zip(trained, random, strict=True))
    return Stage(
        layers,
        float(np.mean([rank_correlation(first, second) for first, second in pairs])),
        float(np.mean([rank_correlation(np.abs(first), np.abs(second)) for first, second in pairs])),
    )
