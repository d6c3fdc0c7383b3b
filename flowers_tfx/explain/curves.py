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
from flowers_tfx.explain.model_function import Answers, Floats, Vectors
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


def run_curves(parts: HiddenParts, answers: Answers, orders: Sequence[Floats]) -> Curves:
    """`orders`: a value for each cell, [g, g]; the cells with the largest come first."""
    shares = [step / STEPS for step in range(STEPS + 1)]
    vectors = hide_first(parts, answers, orders, shares, inverse_too=True)
    probabilities = vectors[PROBABILITIES].reshape(len(orders), len(shares), 2, -1)
    return Curves(probabilities[:, :, 0], probabilities[:, :, 1])


def hide_first(
    parts: HiddenParts, answers: Answers, orders: Sequence[Floats], shares: Sequence[float], inverse_too: bool = False
) -> Vectors:
    """What the model answers while these shares of the cells are hidden, those first in each order; a row for each order and share, and
    with `inverse_too` a second row where only they are shown. Cells with equal values come in random order."""
    return parts.answers_behind(_screens(orders, shares, inverse_too), answers)


def _screens(orders: Sequence[Floats], shares: Sequence[float], inverse_too: bool) -> Iterator[Screen]:
    for number, order in enumerate(orders):
        ranks = _ranks(order, np.random.default_rng(number))
        for share in shares:
            shown = (ranks >= share * ranks.size).astype(np.uint8) * np.uint8(255)
            yield Screen(shown, (0, 0), len(ranks))
            if inverse_too:
                yield Screen(~shown, (0, 0), len(ranks))


def _ranks(order: Floats, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """The place of each cell, 0 for the largest value."""
    ranks = np.empty(order.size, np.intp)
    ranks[np.lexsort((rng.random(order.size), -order.ravel()))] = np.arange(order.size)
    return ranks.reshape(order.shape)
