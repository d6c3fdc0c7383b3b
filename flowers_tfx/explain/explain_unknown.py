"""Why a model says that a picture shows none of its classes: the parts that, when they are hidden, leave a picture that it knows."""

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

_HIDDEN_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5)  # of the picture; more would not be a part of it
_RANDOM_ORDERS = 8
LEAST_FALL = 0.1  # of the score, below that with random parts hidden


@dataclass(frozen=True)
class UnknownExplanation:
    """Of a picture that is not known; `why` and `score` as in Answer.

    `map` float32 [s, s]: by how much each part raises the score, negative where it lowers it; `regions`: the fewest that hold 80 % of what
    raises it. `hidden_share`: of the picture, of the parts that raise the score most, as few as make it known; `score_without`: the score
    while they are hidden; `random_score_without`: its mean while random parts of the same size are. `reasons`: why no part explains it,
    sentences; empty where the regions do: the picture is known without them, and not as well without random parts.
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
    share, without, random = _hide_until_known(evidence, parts, answers)
    reasons = _judge(answer.score, without, random)
    return UnknownExplanation(answer.why, answer.score, evidence, find_regions(evidence), share, without, random, reasons)


def _hide_until_known(evidence: Floats, parts: HiddenParts, answers: Answers) -> tuple[float, float, float]:
    """The smallest hidden share that makes the picture known, or the one with the lowest score where none does; the score then; and the
    mean score with the same share of random parts hidden."""
    cells = min(CELLS, parts.size)
    orders = [pool(evidence, cells), *(random_order(cells, seed) for seed in range(_RANDOM_ORDERS))]
    scores = hide_first(parts, answers, orders, _HIDDEN_SHARES)[SCORE].reshape(len(orders), -1)
    known = np.flatnonzero(scores[0] <= 1)
    step = int(known[0]) if len(known) else int(scores[0].argmin())
    return _HIDDEN_SHARES[step], float(scores[0, step]), float(scores[1:, step].mean())


def _judge(score: float, without: float, random: float) -> tuple[str, ...]:
    if without > 1:
        return ("No part of the photo makes it unknown by itself: it is the whole picture.",)
    if without > random - LEAST_FALL * score:
        return ("Hiding random parts makes the photo known as well as hiding the parts that the map marks.",)
    return ()
