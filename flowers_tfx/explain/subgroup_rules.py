"""Rules that pick out photos by what is known of each: its properties, its class, the cluster that its content falls into."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from flowers_tfx import features
from flowers_tfx.explain.outcomes import Doubles, Flags, Indices
from flowers_tfx.explain.photo_set import PhotoSet
from flowers_tfx.features import Property
from flowers_tfx.reports.words import amount

CLASS, CLUSTER = "class", "cluster"  # beside the names of properties
MISSING = ""  # the value of a category that the photo does not have
_RANGE = re.compile(r"(-?\d+)-(\d+)")

# Bands say the same as the numbers that they come from; identifiers are different in each photo.
_SEARCHED = tuple(prop for prop in features.PROPERTIES if prop.role != "identifier" and not prop.sliced)
NUMBERS = {prop.name: prop for prop in _SEARCHED if prop.role == "number"}
CATEGORIES = {prop.name: prop for prop in _SEARCHED if prop.role == "category"}

Texts = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Condition:
    """One condition on the property, class or cluster `name`. Numbers: `low` < value <= `high`, which a missing value never fulfils.
    Others: the value is `value`, or is not if `negated`; `missing`: the number has no value, or has one if `negated`."""

    name: str
    low: float = -math.inf
    high: float = math.inf
    value: str | None = None
    negated: bool = False
    missing: bool = False


Rule = tuple[Condition, ...]  # a photo is picked out that fulfils all of them


@dataclass(frozen=True)
class PhotoValues:
    """What rules read. `numbers`: float64 [N] by property, NaN for a missing value; `texts`: the values of categories, classes and
    clusters, [N]."""

    numbers: dict[str, Doubles]
    texts: dict[str, Texts]
    clusters: Indices

    def __len__(self) -> int:
        return len(self.clusters)

    def matches(self, rule: Rule) -> Flags:
        flags = np.ones(len(self), np.bool_)
        for condition in rule:
            flags &= self._fulfils(condition)
        return flags

    def _fulfils(self, condition: Condition) -> Flags:
        flags: Flags
        if condition.value is not None:
            flags = self.texts[condition.name] == condition.value
        elif condition.missing:
            flags = np.isnan(self.numbers[condition.name])
        else:
            with np.errstate(invalid="ignore"):
                flags = (self.numbers[condition.name] > condition.low) & (self.numbers[condition.name] <= condition.high)
        return ~flags if condition.negated else flags

    @cached_property
    def searchable_numbers(self) -> list[str]:
        """Those that are not the same for all photos."""
        return [name for name, values in self.numbers.items() if len(np.unique(values[~np.isnan(values)])) > 1]


def photo_values(photo_set: PhotoSet, clusters: Indices) -> PhotoValues:
    numbers = {name: np.array([_number(photo.properties.get(name)) for photo in photo_set.photos]) for name in NUMBERS}
    texts = {name: np.array([_text(photo.properties.get(name)) for photo in photo_set.photos], np.str_) for name in CATEGORIES}
    texts[CLASS] = np.array([photo_set.labels[place] for place in photo_set.truth], np.str_)
    texts[CLUSTER] = clusters.astype(np.str_)
    return PhotoValues(numbers, texts, clusters)


def _number(value: float | str | None) -> float:
    return math.nan if value is None else float(value)


def _text(value: float | str | None) -> str:
    return MISSING if value is None else value if isinstance(value, str) else f"{value:g}"


def readable_threshold(name: str, threshold: float) -> float:
    """A threshold that can be written in full: what people read is what was tested."""
    if NUMBERS[name].kind == "int":
        threshold = math.floor(threshold)
    return threshold if abs(threshold) < 1000 and NUMBERS[name].kind == "int" else float(f"{threshold:.3g}")


def merge(conditions: Sequence[Condition]) -> Rule:
    """Conditions on one number become one; those that follow from others are left out."""
    ranges: dict[str, tuple[float, float]] = {}
    others: dict[Condition, None] = {}
    equal = {condition.name for condition in conditions if condition.value is not None and not condition.negated}
    for condition in conditions:
        if condition.value is None and not condition.missing:
            low, high = ranges.get(condition.name, (-math.inf, math.inf))
            ranges[condition.name] = (max(low, condition.low), min(high, condition.high))
        elif not (condition.negated and condition.name in equal):
            others[condition] = None
    # Having a value follows from a range of the number.
    kept = [condition for condition in others if not (condition.missing and condition.negated and condition.name in ranges)]
    return (*(Condition(name, low, high) for name, (low, high) in ranges.items()), *kept)


def in_words(rule: Rule, values: PhotoValues) -> str:
    """Such as "brightness at most 71 (0 to 255) and width at most 320 px"."""
    return " and ".join(_condition_in_words(condition, values) for condition in rule)


def condition_row(condition: Condition) -> dict[str, Any]:
    """As it stands in explanations.json; None for a side without a limit."""
    low, high = (None if math.isinf(limit) else limit for limit in (condition.low, condition.high))
    return {
        "name": condition.name,
        "above": low,
        "at_most": high,
        "value": condition.value,
        "negated": condition.negated,
        "missing": condition.missing,
    }


def _condition_in_words(condition: Condition, values: PhotoValues) -> str:
    isnt = "is not" if condition.negated else "is"
    if condition.name == CLUSTER:
        return cluster_in_words(values, str(condition.value))
    if condition.name == CLASS:
        return f"the class {isnt} {condition.value}"
    if condition.missing:
        return f"{NUMBERS[condition.name].title} is {'known' if condition.negated else 'unknown'}"
    if condition.value is None:
        return _range_in_words(NUMBERS[condition.name], condition.low, condition.high)
    prop = CATEGORIES[condition.name]
    if (prop.low, prop.high) == (0, 1):
        return f"{prop.title}: {'yes' if (condition.value == '1') != condition.negated else 'no'}"
    return f"{prop.title} {isnt} {condition.value or 'unknown'}"


def cluster_in_words(values: PhotoValues, cluster: str) -> str:
    """Such as "a cluster of contents (34 photos, 29 of them tulips)"."""
    names, counts = np.unique(values.texts[CLASS][values.texts[CLUSTER] == cluster], return_counts=True)
    largest = int(counts.argmax())
    return f"a cluster of contents ({counts.sum()} photos, {counts[largest]} of them {names[largest]})"


def _range_in_words(prop: Property, low: float, high: float) -> str:
    if math.isinf(low):
        text = f"{prop.title} at most {amount(high)}"
    elif math.isinf(high):
        text = f"{prop.title} above {amount(low)}"
    else:
        text = f"{prop.title} above {amount(low)} and at most {amount(high)}"
    scale = _RANGE.fullmatch(prop.unit)
    if scale:
        return f"{text} ({amount(float(scale[1]))} to {scale[2]})"
    return f"{text} {prop.unit}" if prop.unit.isalpha() else f"{text} ({prop.unit})"
