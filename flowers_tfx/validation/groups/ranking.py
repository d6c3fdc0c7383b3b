"""How probable it is that a new photo belongs to a group that the baseline does not have.

The new photos are a mixture of photos like the baseline's and others, and nobody says which: learning from positive and unlabelled
examples. Ward et al. ("Presence-only data and the EM algorithm", Biometrics 2009) fit a classifier and the hidden labels in turns; here
the classifier is a forest of extremely randomized trees (Geurts et al. 2006), and each photo is judged only by trees that did not learn
from it. Labels start from how much denser new photos lie than the baseline's.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import ExtraTreesRegressor

from flowers_tfx.validation.tables.photo_table import Floats

TREES = 200
# A photo whose group is this probable belongs to it.
MEMBER = 0.5
FEWEST = 3
ROUNDS = 3
_LEAF = 4
_COLUMNS = 0.4  # the part of the columns that a split chooses from
_LEAST = 1e-4


class GroupRanking:
    """`probabilities`: of the new photos of the pool, in their order."""

    def __init__(self, columns: Floats, is_new: npt.NDArray[np.bool_], seed: int) -> None:
        self._new, self._old = int(is_new.sum()), int((~is_new).sum())
        self._share = 0.5
        targets = is_new.astype(np.float64)
        likely_new = self._fit(columns, targets, seed)[is_new]
        # 1 - density of the baseline / density of the new photos, as far as that is positive.
        self.probabilities: Floats = np.clip(1 - (1 - likely_new) / likely_new * self._new / self._old, 0, 1)
        for turn in range(1, ROUNDS + 1):
            targets[is_new] = self.probabilities
            self._share = float(np.clip(self.probabilities.mean(), 0.01, 0.9))
            self.probabilities = self._among_new(self._fit(columns, targets, seed + turn)[is_new])

    def of(self, columns: Floats) -> Floats:
        """The probabilities of other new photos."""
        return self._among_new(np.clip(self._forest.predict(columns), _LEAST, 1 - _LEAST))

    def _fit(self, columns: Floats, targets: Floats, seed: int) -> Floats:
        """[photos]: the expected target of each, by the trees that did not see it."""
        self._forest = ExtraTreesRegressor(
            TREES, min_samples_leaf=_LEAF, max_features=_COLUMNS, bootstrap=True, oob_score=True, random_state=seed, n_jobs=1
        ).fit(columns, targets)
        expected: Floats = np.clip(self._forest.oob_prediction_, _LEAST, 1 - _LEAST)
        return expected

    def _among_new(self, expected: Floats) -> Floats:
        """From the odds among all photos to those among new ones: photos of the baseline are never in the group."""
        likes = self._new * (1 - self._share)
        odds = expected / (1 - expected) * (self._old + likes) / likes
        probabilities: Floats = odds / (1 + odds)
        return probabilities


def stands_apart(columns: Floats, is_new: npt.NDArray[np.bool_], seed: int) -> bool:
    """Whether a ranking learned from half of the photos finds members in the other half, at least half of which the baseline's photos of
    that half do not explain. A ranking that learned from the same photos always finds some that seem different."""
    halves = np.random.default_rng(seed).permutation(len(columns)) % 2 == 0
    is_member = np.zeros(len(columns), np.bool_)
    for learned in (halves, ~halves):
        if not is_new[learned].any() or is_new[learned].all():
            return False
        is_member[~learned] = GroupRanking(columns[learned], is_new[learned], seed).of(columns[~learned]) >= MEMBER
    count, new, old = int(is_member[is_new].sum()), int(is_new.sum()), int((~is_new).sum())
    excess = count - new * (int(is_member[~is_new].sum()) + 0.5) / (old + 1)
    return excess >= max(FEWEST, count / 2)
