"""Short rules over properties: which values do the photos of a group share, that others do not have?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import floor, inf, isfinite, log10

import numpy as np
import numpy.typing as npt

from flowers_tfx import features
from flowers_tfx.validation.derived_properties import BASES
from flowers_tfx.validation.photo_pool import PhotoPool
from flowers_tfx.validation.tables.photo_table import Floats, Photos

Flags = npt.NDArray[np.bool_]

LONGEST = 3
PRECISION, RECALL = 0.85, 0.8
# A further condition must make the rule better by this much.
_GAIN = 0.02
# A rule that accounts for so much more (F1) is taken instead of the one that fits the members best.
_MISSED = 0.05
_COMMON = 0.4  # the part of the group that must have one and the same value, for a condition on it
_TRIMMED = 0.05


@dataclass(frozen=True)
class Condition:
    """On the property or class `feature`: low <= value <= high, or the value is `word`."""

    feature: str
    low: float = -inf
    high: float = inf
    word: str | None = None

    def holds(self, values: PhotoValues) -> Flags:
        """[photos]; a missing value fulfils no condition."""
        if self.word is not None:
            return np.array([value is not None and str(value) == self.word for value in values.words[self.feature]], bool)
        numbers = values.numbers[self.feature]
        with np.errstate(invalid="ignore"):
            return np.asarray((numbers >= self.low) & (numbers <= self.high))

    def as_json(self) -> dict[str, object]:
        """The bounds that the condition has."""
        bounds = {"low": self.low, "high": self.high}
        return {"feature": self.feature, **{k: v for k, v in bounds.items() if isfinite(v)}, **({"value": self.word} if self.word else {})}


@dataclass(frozen=True)
class PhotoValues:
    """What conditions read: numbers with those derived from others, and words with the class, by name."""

    numbers: Mapping[str, Floats]
    words: Mapping[str, Sequence[object]]

    @classmethod
    def of(cls, photos: Photos) -> PhotoValues:
        pool = PhotoPool(photos, np.ones(len(photos), np.bool_))
        return cls(pool.numbers(), {**pool.categories(), features.LABEL: list(photos.labels)})


@dataclass(frozen=True)
class Rule:
    """All conditions hold. `precision`: the part of its new photos that its share of the baseline does not explain; `recall`: the part of
    the members that it holds for; `photos`: the number of new photos that it holds for; `quality`: F1 of precision and recall."""

    conditions: tuple[Condition, ...]
    precision: float = 0.0
    recall: float = 0.0
    photos: int = 0

    @property
    def excess(self) -> float:
        """Photos beyond those that the rule's share of the baseline explains."""
        return self.precision * self.photos

    def coverage(self, size: float) -> float:
        """F1 for a group of `size` photos, with the excess as hits."""
        return 2 * self.excess / (self.photos + size)

    def is_good(self, recall: float, exact: bool) -> bool:
        return self.precision >= PRECISION and self.recall >= recall and (self.has_exact_value or not exact)

    @property
    def quality(self) -> float:
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    @property
    def has_exact_value(self) -> bool:
        return any(condition.word is not None or condition.low == condition.high for condition in self.conditions)

    def holds(self, values: PhotoValues) -> Flags:
        flags: Flags = np.logical_and.reduce([condition.holds(values) for condition in self.conditions])
        return flags


def find_rule(baseline: PhotoValues, new: PhotoValues, members: Flags, recall: float = RECALL, exact: bool = False) -> Rule | None:
    """The best rule for the new photos `members`; None if none is good enough. `recall`: the part of the members that it must hold for;
    `exact`: it must demand one and the same value.

    Rules grow greedily, by F1 on the members. But these were found one by one by a ranking, which misses some: a good rule that accounts
    for clearly more photos, beyond its share of the baseline, is better.
    """
    candidates = [(condition, condition.holds(baseline), condition.holds(new)) for condition in _candidates(new, members)]
    best = Rule(())
    old_flags: Flags = np.ones((), np.bool_)
    new_flags: Flags = np.ones((), np.bool_)
    good: list[Rule] = []
    while len(best.conditions) < LONGEST:
        rules = [
            (_judge((*best.conditions, condition), old_flags & old, new_flags & fresh, members), old, fresh)
            for condition, old, fresh in candidates
            if condition.feature not in {known.feature for known in best.conditions}
        ]
        good += [rule for rule, _, _ in rules if rule.is_good(recall, exact)]
        if not rules:
            break
        rule, old, fresh = max(rules, key=lambda item: item[0].quality)
        if rule.quality < best.quality + _GAIN:
            break
        best, old_flags, new_flags = rule, old_flags & old, new_flags & fresh
    if not good:
        return None
    size = max(rule.excess for rule in good)
    widest = max(good, key=lambda rule: rule.coverage(size))
    return best if best.is_good(recall, exact) and best.coverage(size) >= widest.coverage(size) - _MISSED else widest


def _judge(conditions: tuple[Condition, ...], old: Flags, new: Flags, members: Flags) -> Rule:
    count = int(new.sum())
    if not count:
        return Rule(conditions)
    others = (len(new) - int(members.sum())) * (float(old.sum()) + 0.5) / (len(old) + 1)
    return Rule(conditions, max(0.0, 1 - others / count), int((new & members).sum()) / int(members.sum()), count)


def _candidates(new: PhotoValues, members: Flags) -> Iterator[Condition]:
    for name, values in new.numbers.items():
        if name not in BASES:
            yield from _number_conditions(name, values[members])
    for name, words in new.words.items():
        yield from (Condition(name, word=word) for word, share in common_values(words, members) if share >= _COMMON)


def _number_conditions(name: str, values: Floats) -> Iterator[Condition]:
    finite = values[np.isfinite(values)]
    if len(finite) < (1 - _TRIMMED) * len(values):
        return
    distinct, counts = np.unique(finite, return_counts=True)
    yield from (Condition(name, float(v), float(v)) for v, n in zip(distinct, counts, strict=True) if n >= _COMMON * len(values))
    lows = {rounded(float(np.quantile(finite, share)), down=True) for share in (0, _TRIMMED)}
    highs = {rounded(float(np.quantile(finite, 1 - share)), down=False) for share in (0, _TRIMMED)}
    yield from (Condition(name, low=low) for low in sorted(lows, reverse=True))
    yield from (Condition(name, high=high) for high in sorted(highs))
    yield from (Condition(name, low, high) for low in sorted(lows, reverse=True) for high in sorted(highs) if low < high)


def common_values(words: Sequence[object], members: Flags) -> list[tuple[str, float]]:
    """The words of the members with their shares, the most frequent first."""
    own = [str(word) for word, member in zip(words, members, strict=True) if member and word is not None]
    distinct, counts = np.unique(np.array(own, dtype=str), return_counts=True)
    total = max(int(members.sum()), 1)
    order = np.argsort(-counts, kind="stable")
    return [(str(distinct[at]), float(counts[at]) / total) for at in order]


def rounded(value: float, down: bool) -> float:
    """To three significant digits, whole from 100, as messages write numbers: so that a rule is what its words say."""
    if value == 0 or not isfinite(value):
        return value
    step = 10.0 ** min(0, floor(log10(abs(value))) - 2)
    steps = value / step
    return round(float(np.floor(steps + 1e-9) if down else np.ceil(steps - 1e-9)) * step, 12)
