"""Deletion and insertion curves (Petsiuk, Das and Saenko 2018): the probability of a class while parts of the picture are hidden, or
shown in an empty one, the most important first.

Parts are the cells of a grid, 16 px wide in a picture of 224 px, hidden as everywhere here: blurred, with soft edges. Finer parts or hard
edges would measure something else: with 8 px and hard edges the checkerboard of a random order lowers answers more than the hidden flower.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flowers_tfx.explain.hidden_parts import HiddenParts, Screen
from flowers_tfx.explain.model_function import Answers, Floats
from flowers_tfx.litert import PROBABILITIES

CELLS = 14
STEPS = 20


@dataclass(frozen=True)
class Curves:
    """Probabilities, float32 [orders, STEPS + 1, classes], with 0, 1/STEPS, ... all of the cells hidden (`deletion`) or shown
    (`insertion`)."""

    deletion: Floats
    insertion: Floats

    def areas(self, target: int) -> tuple[Floats, Floats]:
        """Under each order's curves of a class, by the trapezoidal rule, [orders] each: its mean probability, 0 to 1."""
        deletion, insertion = ((curve[:, 1:, target] + curve[:, :-1, target]).mean(axis=1) / 2 for curve in (self.deletion, self.insertion))
        return deletion, insertion


def cells_of(size: int) -> int:
    return min(CELLS, size)


def run_curves(parts: HiddenParts, answers: Answers, orders: Sequence[Floats], seed: int = 0) -> Curves:
    """`orders`: a value for each cell, [g, g]. Cells with equal values come in random order."""
    ranks = [_ranks(order, np.random.default_rng([seed, number])) for number, order in enumerate(orders)]
    vectors = parts.answers_behind(_screens(ranks), answers)
    probabilities = vectors[PROBABILITIES].reshape(len(orders), STEPS + 1, 2, -1)
    return Curves(probabilities[:, :, 0], probabilities[:, :, 1])


def _screens(ranks: Sequence[npt.NDArray[np.intp]]) -> Iterator[Screen]:
    for rank in ranks:
        for step in range(STEPS + 1):
            shown = (rank >= step / STEPS * rank.size).astype(np.uint8) * np.uint8(255)
            yield Screen(shown, (0, 0), len(rank))
            yield Screen(~shown, (0, 0), len(rank))


def _ranks(order: Floats, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """The place of each cell, 0 for the largest value."""
    ranks = np.empty(order.size, np.intp)
    ranks[np.lexsort((rng.random(order.size), -order.ravel()))] = np.arange(order.size)
    return ranks.reshape(order.shape)
