"""Models compared pair by pair on the same photos, instead of two accuracies side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any, Literal

from flowers_tfx.experiments.answers import Photo
from flowers_tfx.explain.significance import LEVEL, holm, mcnemar

_Z95 = 1.959964


@dataclass(frozen=True)
class Pair:
    """A model against the reference on the `photos` that are in both test sets. `gained`: photos that only this model answers right,
    `lost`: that only the reference does. `adjusted`: the p-value for so many comparisons (Holm)."""

    name: str
    photos: int
    both_right: int
    gained: int
    lost: int
    p_value: float
    adjusted: float = 1.0

    @property
    def difference(self) -> float | None:
        """The accuracy less the reference's."""
        return (self.gained - self.lost) / self.photos if self.photos else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % of the difference: Wald's interval after half a photo was added to each of the four cells (A. Agresti, Y. Min, 2005)."""
        if not self.photos:
            return None
        photos = self.photos + 2
        gained, lost = (self.gained + 0.5) / photos, (self.lost + 0.5) / photos
        half = _Z95 * sqrt((gained + lost - (gained - lost) ** 2) / photos)
        return max(-1.0, gained - lost - half), min(1.0, gained - lost + half)

    @property
    def verdict(self) -> Literal["better", "worse", "undecided"]:
        if self.adjusted >= LEVEL:
            return "undecided"
        return "better" if self.gained > self.lost else "worse"

    def as_json(self) -> dict[str, Any]:
        return {
            "photos": self.photos,
            "both_right": self.both_right,
            "gained": self.gained,
            "lost": self.lost,
            "difference": self.difference,
            "interval": self.interval,
            "p_value": self.p_value,
            "adjusted_p_value": self.adjusted,
            "verdict": self.verdict,
        }


def compare_pairs(right: Mapping[str, Mapping[Photo, bool]], reference: str, others: Sequence[str]) -> dict[str, Pair]:
    """McNemar's exact test of each of the others against the reference, adjusted for their number."""
    pairs = [_compare(right[name], right[reference], name) for name in others]
    adjusted = holm([pair.p_value for pair in pairs])
    return {pair.name: replace(pair, adjusted=value) for pair, value in zip(pairs, adjusted, strict=True)}


def _compare(own: Mapping[Photo, bool], reference: Mapping[Photo, bool], name: str) -> Pair:
    common = own.keys() & reference.keys()
    gained = sum(own[photo] and not reference[photo] for photo in common)
    lost = sum(reference[photo] and not own[photo] for photo in common)
    both = sum(own[photo] and reference[photo] for photo in common)
    return Pair(name, len(common), both, gained, lost, mcnemar(lost, gained))
