"""Why a model says that a picture shows none of its classes: the parts whose hiding would make it known, or at least nearer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flowers_tfx.explain.curves import CELLS, hide_first
from flowers_tfx.explain.explanation import Region
from flowers_tfx.explain.hidden_parts import HiddenParts
from flowers_tfx.explain.model_function import Answers, Floats, Pictures
from flowers_tfx.explain.orders import pool, random_order
from flowers_tfx.explain.regions import find_regions
from flowers_tfx.explain.rise import fit_maps, run_trials, stretch
from flowers_tfx.inference.answer import Why, answer_of
from flowers_tfx.litert import SCORE

_HIDDEN_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)  # of the picture
_RANDOM_ORDERS = 8
LEAST_FALL = 0.1  # of the score


@dataclass(frozen=True)
class UnknownExplanation:
    """Of a picture that is not known; `why` and `score` as in Answer.

    `map` float32 [s, s]: by how much each part raises the score, negative where it lowers it; `regions`: the fewest that hold 80 % of what
    raises it. `hidden_share`: of the picture, of the parts that raise the score most; hiding them leaves a score of `score_without`, the
    lowest of several shares; `random_score_without`: mean of random parts of the same size. `reasons`: why no part explains it, sentences;
    empty where the regions do.
    """

    why: Why
    score: float
    map: Floats
    regions: tuple[Region, ...]
    hidden_share: float
    score_without: float
    random_score_without: float
    reasons: tuple[str, ...]

    @property
    def trustworthy(self) -> bool:
        return not self.reasons


def explain_unknown(picture: Pictures, answers: Answers) -> UnknownExplanation:
    """Of a picture, uint8 [s, s, 3], that the model does not know. ValueError for one that it knows."""
    answer = answer_of({name: rows[0] for name, rows in answers(picture[np.newaxis]).items()})
    if answer.why is None or answer.score is None:
        raise ValueError("The model knows what this picture shows.")
    parts = HiddenParts(picture)
    trials = run_trials(parts, answers)
    evidence = stretch(fit_maps(trials, trials.vectors[SCORE])[0], parts.size)
    share, without, random = _lowest_score(evidence, parts, answers)
    reasons = _judge(answer.score, without, random)
    return UnknownExplanation(answer.why, answer.score, evidence, find_regions(evidence), share, without, random, reasons)


def _lowest_score(evidence: Floats, parts: HiddenParts, answers: Answers) -> tuple[float, float, float]:
    """The hidden share with the lowest score, that score, and the mean score with the same share of random parts hidden."""
    cells = min(CELLS, parts.size)
    orders = [pool(evidence, cells), *(random_order(cells, seed) for seed in range(_RANDOM_ORDERS))]
    scores = hide_first(parts, answers, orders, _HIDDEN_SHARES)[SCORE].reshape(len(orders), -1)
    lowest = int(scores[0].argmin())
    return _HIDDEN_SHARES[lowest], float(scores[0, lowest]), float(scores[1:, lowest].mean())


def _judge(score: float, without: float, random: float) -> tuple[str, ...]:
    if without > (1 - LEAST_FALL) * score:
        return ("No part of the picture makes it unknown by itself: it is the whole picture.",)
    if without > random - LEAST_FALL * score:
        return ("Hiding random parts makes the picture as much nearer to known ones as hiding the parts that the map marks.",)
    return ()
