"""A group of photos in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from flowers_tfx import features
from flowers_tfx.validation.groups.families import BY_FEATURE, CHANGES, SQUARE, Change, adjective
from flowers_tfx.validation.groups.rules import Condition, Flags, PhotoValues, common_values
from flowers_tfx.validation.permutation import Floats
from flowers_tfx.validation.wording import number, title_of, value_with_unit

MOST_PARTS = 3
# A property distinguishes a group if a photo of the group beats one of the baseline in this direction so much more often than the other
# way round (rank-biserial correlation).
DISTINCT = 0.5
_SHARED = 0.9  # of the group, by one and the same value
_USUAL = 0.5  # of the baseline: a value that so many have says nothing about a group
_SIDES = ("width_px", "height_px")


@dataclass(frozen=True)
class Trait:
    """A change of a property within a group or between two sides. `strength`: rank-biserial correlation, with its sign."""

    change: Change
    strength: float
    old_median: float
    median: float

    @property
    def adjective(self) -> str:
        return adjective(self.change, self.median, self.strength > 0)

    @property
    def words(self) -> str:
        if self.adjective == SQUARE:
            return SQUARE
        feature = self.change.feature
        return f"{self.adjective} ({title_of(feature)} {value_with_unit(self.median, feature)}, baseline {number(self.old_median)})"


def find_traits(baseline: PhotoValues, group: PhotoValues, least: float = DISTINCT) -> list[Trait]:
    """At most one of a family: the strongest. In the order of `CHANGES`."""
    strongest: dict[str, Trait] = {}
    for change in CHANGES:
        if change.feature in baseline.numbers:
            trait = _trait(change, baseline.numbers[change.feature], group.numbers[change.feature])
            known = strongest.get(change.family)
            if trait and abs(trait.strength) >= least and (known is None or abs(trait.strength) > abs(known.strength) + 0.05):
                strongest[change.family] = trait
    if strongest.keys() & {"size", "compression"}:
        strongest.pop("file", None)  # the size of the file follows
    return sorted(strongest.values(), key=lambda trait: CHANGES.index(trait.change))


def _trait(change: Change, old: Floats, new: Floats) -> Trait | None:
    old, new = (np.sort(side[np.isfinite(side)]) for side in (old, new))
    if not len(old) or not len(new):
        return None
    below = np.searchsorted(old, new, "left") + np.searchsorted(old, new, "right")
    return Trait(change, float(below.mean()) / len(old) - 1, float(np.median(old)), float(np.median(new)))


def shared_values(baseline: PhotoValues, group: PhotoValues, photos: int) -> Iterator[Condition]:
    """Values that nearly all photos of the group have, and few of the baseline."""
    everyone: Flags = np.ones(photos, np.bool_)
    for name in (*_SIDES, "jpeg_quality", "aspect_ratio"):
        values = group.numbers.get(name, np.zeros(0))
        distinct, counts = np.unique(values[np.isfinite(values)], return_counts=True)
        if len(distinct) and counts.max() >= _SHARED * photos:
            value = float(distinct[counts.argmax()])
            yield from _unusual(Condition(name, value, value), baseline)
    for name, words in group.words.items():
        for word, share in common_values(words, everyone)[:1]:
            if share >= _SHARED:
                yield from _unusual(Condition(name, word=word), baseline)


def _unusual(condition: Condition, baseline: PhotoValues) -> Iterator[Condition]:
    if condition.holds(baseline).mean() <= _USUAL:
        yield condition


def in_words(demanded: Sequence[Condition], shared: Sequence[Condition], traits: Sequence[Trait]) -> list[str]:
    """Everything that a rule demands; then, up to MOST_PARTS, what all photos share, then what is typical of them. What measures nearly
    the same as a part before it is left out."""
    equal = {c.feature: c.low for c in (*shared, *demanded) if c.word is None and c.low == c.high}
    both_sides = set(_SIDES) <= set(equal)
    parts = [f"{number(equal['width_px'])} x {number(equal['height_px'])} px"] if both_sides else []
    families = {"size", "shape"} if both_sides else set()
    parts += [_condition_words(c) for c in demanded if not (both_sides and c.feature in equal and family_of(c) in families)]
    families |= {family_of(condition) for condition in demanded}
    more = [(family_of(c), _condition_words(c)) for c in shared]
    more += [(trait.change.family, trait.words) for trait in sorted(traits, key=lambda trait: -abs(trait.strength))]
    for family, words in more:
        if family not in families and len(parts) < MOST_PARTS:
            families.add(family)
            parts.append(words)
    return parts


def family_of(condition: Condition) -> str:
    change = BY_FEATURE.get(condition.feature)
    return change.family if change else condition.feature


def _condition_words(condition: Condition) -> str:
    feature, title = condition.feature, title_of(condition.feature)
    if condition.word is not None:
        if feature == "grayscale":
            return title if condition.word == "1" else "in colour"
        return f"label {condition.word}" if feature == features.LABEL else f"{title} {condition.word}"
    low, high = (value_with_unit(value, feature) for value in (condition.low, condition.high))
    if condition.low == condition.high:
        return SQUARE if feature == "aspect_ratio" and condition.low == 1 else f"{title} {low}"
    if not np.isfinite(condition.low):
        return f"{title} at most {high}"
    return f"{title} at least {low}" if not np.isfinite(condition.high) else f"{title} {number(condition.low)} to {high}"
