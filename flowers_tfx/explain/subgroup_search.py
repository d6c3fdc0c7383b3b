"""Finds rules that may pick out the photos that a model gets wrong: shallow decision trees over properties and classes, and clusters of
features. What is found here are candidates: of many rules some look good by chance, so subgroups.py tests them on other photos.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans
from sklearn.tree import DecisionTreeClassifier

from flowers_tfx.explain.outcomes import Doubles, Flags, Indices
from flowers_tfx.explain.significance import more_often
from flowers_tfx.explain.subgroup_rules import (
    CATEGORIES,
    CLASS,
    CLUSTER,
    Condition,
    PhotoValues,
    Rule,
    merge,
    readable_threshold,
)

DEPTH = 3
MOST_TESTED = 3  # candidates; each one more makes the test of all the others stricter
MOST_CLUSTERS, PHOTOS_PER_CLUSTER = 12, 15
_LARGEST = 0.6  # share of the photos that a subgroup can have: a rule for nearly all of them says where the model fails less
_PROMISING = 0.1  # p-value in the searched half above which a rule is not worth a test


@dataclass(frozen=True)
class Candidate:
    """`score`: log of the p-value in the searched half plus a cost for each condition; low is good."""

    rule: Rule
    score: float


@dataclass(frozen=True)
class _Column:
    """A column of a tree: `values` [N]; below or at a threshold `below` holds, above it `above`. None: the threshold belongs to the
    property `name`, a number."""

    name: str
    values: Doubles
    below: Condition | None = None
    above: Condition | None = None

    def condition(self, threshold: float, is_above: bool) -> Condition:
        if self.below is not None and self.above is not None:
            return self.above if is_above else self.below
        limit = readable_threshold(self.name, threshold)
        return Condition(self.name, low=limit) if is_above else Condition(self.name, high=limit)


def cluster_photos(features: Doubles) -> Indices:
    """The cluster of each photo, int64 [N], from features of length 1: k-means, the same clusters every time."""
    count = min(MOST_CLUSTERS, max(2, len(features) // PHOTOS_PER_CLUSTER), len(np.unique(features, axis=0)))
    if count < 2:
        return np.zeros(len(features), np.int64)
    clusters: Indices = KMeans(count, n_init=4, random_state=0).fit_predict(features).astype(np.int64)
    return clusters


def minimum_photos(searched: int) -> int:
    """How many photos of the searched half a rule must pick out, and must leave out."""
    return max(5, math.ceil(searched / 20))


def search(values: PhotoValues, wrong: Flags, half: Flags, most: int = MOST_TESTED) -> tuple[list[Candidate], int]:
    """At most `most` candidates, the most promising first, and how many rules were looked at. Only the answers to the photos in `half` are
    read. Each candidate is found among the photos that those before it leave over, so that it does not repeat them."""
    fewest = minimum_photos(int(half.sum()))
    clusters = [(Condition(CLUSTER, value=str(cluster)),) for cluster in np.unique(values.clusters).tolist()]
    looked_at: dict[Rule, None] = {}
    chosen: list[Candidate] = []
    rest = half
    while len(chosen) < most and rest.any():
        columns = _columns(values, rest)
        rules = dict.fromkeys([*_tree_rules(columns, wrong, rest, fewest), *clusters])
        looked_at |= rules
        cost = math.log(max(2, len(columns)))
        best = min((_score(rule, values.matches(rule), wrong, rest, fewest, cost) for rule in rules), key=lambda one: one.score)
        if math.isinf(best.score):
            break
        chosen.append(best)
        rest = rest & ~values.matches(best.rule)
    return chosen, len(looked_at)


def overlap(one: Flags, other: Flags) -> float:
    """Jaccard's: photos that both pick out over those that either does."""
    either = int((one | other).sum())
    return int((one & other).sum()) / either if either else 0.0


def _length(rule: Rule) -> int:
    """Decisions that make the rule: a range with two limits counts as two."""
    return sum(2 if math.isfinite(condition.low) and math.isfinite(condition.high) else 1 for condition in rule)


def _score(rule: Rule, matches: Flags, wrong: Flags, photos: Flags, fewest: int, cost: float) -> Candidate:
    """Infinite for a rule that picks out or leaves out fewer than `fewest` photos, that picks out most of them, or whose photos do not look
    worse than the rest."""
    inside, outside = matches & photos, ~matches & photos
    if min(inside.sum(), outside.sum()) < fewest or inside.sum() > _LARGEST * photos.sum():
        return Candidate(rule, math.inf)
    p_value = more_often(int(wrong[inside].sum()), int(inside.sum()), int(wrong[outside].sum()), int(outside.sum()))
    return Candidate(rule, math.log(max(p_value, 1e-300)) + cost * _length(rule) if p_value < _PROMISING else math.inf)


def _columns(values: PhotoValues, half: Flags) -> list[_Column]:
    """Columns that are not the same for all photos of the half."""
    columns = []
    for name in values.searchable_numbers:
        numbers = values.numbers[name]
        missing = np.isnan(numbers)
        # A rule on the number leaves out photos without it; for the tree they stand in the middle.
        columns.append(_Column(name, np.where(missing, np.nanmedian(numbers), numbers)))
        has_value, has_none = (Condition(name, missing=True, negated=negated) for negated in (True, False))
        columns.append(_Column(name, missing.astype(np.float64), has_value, has_none))
    for name in (*CATEGORIES, CLASS):
        for value in np.unique(values.texts[name]).tolist():
            differs, equals = (Condition(name, value=value, negated=negated) for negated in (True, False))
            columns.append(_Column(name, (values.texts[name] == value).astype(np.float64), differs, equals))
    return [column for column in columns if half.any() and np.ptp(column.values[half]) > 0]


def _tree_rules(columns: Sequence[_Column], wrong: Flags, half: Flags, fewest: int) -> Iterator[Rule]:
    """The rules of every node of every tree: of each property alone, of all properties, and of these with the class."""
    if not wrong[half].any() or wrong[half].all():
        return
    properties = [column for column in columns if column.name != CLASS]
    for name in dict.fromkeys(column.name for column in columns):
        yield from _rules([column for column in columns if column.name == name], wrong, half, fewest, 2)
    for group in (properties, columns):
        for depth in range(2, DEPTH + 1):
            yield from _rules(group, wrong, half, fewest, depth)


def _rules(columns: Sequence[_Column], wrong: Flags, half: Flags, fewest: int, depth: int) -> Iterator[Rule]:
    if not columns:
        return
    # Balanced: errors are rare, and a split that leaves both sides below 50 % must count all the same.
    tree = DecisionTreeClassifier(max_depth=depth, min_samples_leaf=fewest, class_weight="balanced", random_state=0)
    tree.fit(np.stack([column.values[half] for column in columns], axis=1), wrong[half])
    nodes = tree.tree_
    paths: list[tuple[int, tuple[Condition, ...]]] = [(0, ())]
    while paths:
        node, path = paths.pop()
        if path:
            yield merge(path)
        if nodes.children_left[node] >= 0:
            column, threshold = columns[nodes.feature[node]], float(nodes.threshold[node])
            paths.append((int(nodes.children_left[node]), (*path, column.condition(threshold, False))))
            paths.append((int(nodes.children_right[node]), (*path, column.condition(threshold, True))))
