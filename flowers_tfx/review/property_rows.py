"""The numbers on the page of a review: a row for each property, the shares of the classes, and scores over the recent reviews.

Scores are those of the review; histograms and class shares come from both tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from flowers_tfx import features
from flowers_tfx.reports.plots import Histogram, Trend, draw_histogram, draw_trend
from flowers_tfx.reports.rendering import finite_or_none
from flowers_tfx.reports.words import amount
from flowers_tfx.review.table_values import PROPERTIES, numbers, texts
from flowers_tfx.validation.review import LEVELS, Finding, Review
from flowers_tfx.validation.subjects import ALL_PROPERTIES, OUTLYING_PHOTOS

_BINS = 24
_FEW_VALUES = 12
_TITLES = {features.LABEL: "class shares", ALL_PROPERTIES: "all properties together", features.EMBEDDING: "content (embedding)"}
# Methods of a score with the factor to the page's unit; the first method with a value is used.
_DISTANCES: Mapping[str, float] = {"kolmogorov_smirnov": 100.0, "total_variation": 100.0, "separation_points": 1.0}
_TFDV: Mapping[str, float] = {"jensen_shannon_divergence": 1.0, "l_infinity_norm": 1.0}


@dataclass(frozen=True)
class Row:
    """A property in the table: `name` is its key, `distance` in points, `level` that of its worst finding or empty, `result` in words."""

    name: str
    title: str
    meaning: str
    unit: str
    distance: float | None
    tfdv: float | None
    threshold: float | None
    medians: tuple[float | None, float | None]
    level: str
    accepted: bool
    result: str
    histogram: Histogram | None


@dataclass(frozen=True)
class ScoreTrend:
    """How a score changed over the reviews: the distance in points, and TFDV's distance."""

    title: str
    distance: Trend
    tfdv: Trend


def title(feature: str) -> str:
    """The title of a property or another subject with scores."""
    return PROPERTIES[feature].title if feature in PROPERTIES else _TITLES.get(feature, feature)


def property_rows(review: Review, baseline: pd.DataFrame, new: pd.DataFrame) -> list[Row]:
    """The most severe first, then by score."""
    worst: dict[str, Finding] = {}
    for finding in review.findings:
        if finding.spec.one_property or (finding.kind == "schema" and finding.feature in PROPERTIES):
            worst.setdefault(finding.feature, finding)
    names = [*features.PROPERTY_NAMES, *(name for name in worst if name not in PROPERTIES)]
    rows = [_row(name, review, worst.get(name), baseline, new) for name in names]
    return sorted(rows, key=lambda row: (-(LEVELS.index(row.level) if row.level in LEVELS else -1), -(row.distance or 0.0)))


def _row(name: str, review: Review, finding: Finding | None, baseline: pd.DataFrame, new: pd.DataFrame) -> Row:
    prop = PROPERTIES.get(name)
    scores = review.scores.get(name, {})
    distance = _score(scores, _DISTANCES)
    result: str
    if finding:
        result = "accepted" if finding.accepted else finding.level
    elif prop and not prop.tested:
        result = "not tested"
    elif name not in review.scores:
        result = "not compared"
    else:
        result = "no values" if distance is None else "not significant"
    return Row(
        name,
        title(name),
        prop.meaning if prop else "computed from other properties",
        prop.unit if prop else "",
        distance,
        _score(scores, _TFDV),
        finding.threshold if finding and finding.kind != "schema" else None,
        (scores.get("baseline_median"), scores.get("new_median")),
        finding.level if finding else "",
        bool(finding and finding.accepted),
        result,
        _histogram(prop, baseline, new) if prop and prop.role != "identifier" else None,
    )


def _score(scores: Mapping[str, Any], methods: Mapping[str, float]) -> float | None:
    """The first of the methods that has a value, in the unit of the page."""
    for method, factor in methods.items():
        value = scores.get(method)
        if isinstance(value, (int, float)) and finite_or_none(value) is not None:
            return factor * value
    return None


def count_drifted_properties(review: Review) -> tuple[int, int]:
    """Properties with a finding that warns or stops, and properties compared."""
    names = {finding.feature for finding in review.of_level("warn", "error") if finding.spec.one_property} - {OUTLYING_PHOTOS}
    compared = [prop for prop in features.PROPERTIES if prop.tested and _score(review.scores.get(prop.name, {}), _DISTANCES) is not None]
    return len(names), max(len(compared), len(names))


def _histogram(prop: features.Property, baseline: pd.DataFrame, new: pd.DataFrame) -> Histogram | None:
    """Shares of both sides: of each value if there are few, otherwise in bins from the 1st to the 99th percentile of both."""
    if prop.kind == "string":
        return _bars([[text for text in texts(frame, prop.name) if text] for frame in (baseline, new)], prop.values)
    sides = [values[np.isfinite(values)] for values in (numbers(frame, prop.name) for frame in (baseline, new))]
    filled = [values for values in sides if len(values)]
    if not filled:
        return None
    distinct = np.unique(np.concatenate([np.unique(values) for values in filled]))
    if len(distinct) <= _FEW_VALUES:
        return _bars([values.tolist() for values in sides], distinct.tolist())
    low, high = min(np.quantile(v, 0.01) for v in filled), max(np.quantile(v, 0.99) for v in filled)
    if not low < high:
        low, high = distinct[0], distinct[-1]
    old, fresh = (np.histogram(values, _BINS, (low, high))[0] / max(len(values), 1) for values in sides)
    return draw_histogram(old, fresh, (amount(float(low)), amount(float(high))))


def _bars(sides: Sequence[Sequence[Any]], order: Iterable[Any]) -> Histogram | None:
    """A bar for each value: those of `order` first, then by their number."""
    counts = [Counter(values) for values in sides]
    both = counts[0] + counts[1]
    names = [*(name for name in order if name in both), *(name for name, _ in both.most_common() if name not in order)][:_FEW_VALUES]
    if not names:
        return None
    old, fresh = (np.array([side[name] for name in names]) / max(sum(side.values()), 1) for side in counts)
    return draw_histogram(old, fresh, tuple(name if isinstance(name, str) else amount(name) for name in names), each=len(names) <= 3)


def trends(review: Review, rows: Sequence[Row], history: Sequence[Mapping[str, Any]]) -> list[ScoreTrend]:
    """The trends of everything that has a score in any review. `history`: earlier reviews, oldest first."""
    thresholds = {row.name: row.threshold for row in rows}
    earlier = [(str(entry.get("name", "")), entry.get("scores") or {}) for entry in history]
    reviews = [*earlier, ("this review", review.scores)]
    score_trends = []
    for name in (*(row.name for row in rows), features.LABEL, ALL_PROPERTIES, features.EMBEDDING):
        distance, tfdv = ([(of, _score(scores.get(name) or {}, methods)) for of, scores in reviews] for methods in (_DISTANCES, _TFDV))
        if any(value is not None for _, value in (*distance, *tfdv)):
            score_trends.append(ScoreTrend(title(name), draw_trend(distance, 10.0, thresholds.get(name)), draw_trend(tfdv, 0.1)))
    return score_trends


def class_shares(baseline: pd.DataFrame, new: pd.DataFrame) -> list[tuple[str, float | None, float | None]]:
    """Class, its share in the baseline and among the new photos; None if a side has no labels."""
    counts = [Counter(label for label in texts(frame, features.LABEL) if label) for frame in (baseline, new)]
    totals = [sum(side.values()) for side in counts]
    order = sorted({**counts[0], **counts[1]}, key=lambda name: (-counts[0][name], -counts[1][name], name))
    old, fresh = ({name: side[name] / total if total else None for name in order} for side, total in zip(counts, totals, strict=True))
    return [(name, old[name], fresh[name]) for name in order]
