"""The numbers on the page of a review: a row for each tested property, the shares of the classes, and scores over the recent reviews.

Scores are those of the review; histograms, class shares and numbers of measured photos come from both tables.
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
from flowers_tfx.review.table_values import PROPERTIES, numbers, words
from flowers_tfx.texts import Texts
from flowers_tfx.validation.feature_scores import WARN_AT
from flowers_tfx.validation.review import LEVELS, Finding, Review
from flowers_tfx.validation.subjects import ALL_PROPERTIES

_BINS = 24
_FEW_VALUES = 12
# With values in fewer photos of a side nothing is drawn, and "no finding" would say nothing.
_FEWEST_PHOTOS = 10
# Methods of a score with the factor to the page's unit; the first method with a value is used.
_DISTANCES: Mapping[str, float] = {"kolmogorov_smirnov": 100.0, "total_variation": 100.0, "separation_points": 1.0}
_TFDV: Mapping[str, float] = {"jensen_shannon_divergence": 1.0, "l_infinity_norm": 1.0}


@dataclass(frozen=True)
class Row:
    """A property in the table: `name` is its key, `effect` in points, that of its most severe finding or else the distance; `level` that
    of the finding or empty, `result` in words; `missed_below`: the smallest effect that would have been found 9 times out of 10;
    `photos`: how many of each side have a value."""

    name: str
    title: str
    meaning: str
    effect: float | None
    tfdv: float | None
    threshold: float | None
    missed_below: float | None
    medians: tuple[str, str]
    photos: tuple[int, int]
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


def property_rows(review: Review, baseline: pd.DataFrame, new: pd.DataFrame, texts: Texts) -> list[Row]:
    """Tested properties, and others with a finding. The most severe first, then by effect, in parts of the threshold."""
    worst: dict[str, Finding] = {}
    for finding in review.findings:
        if finding.spec.one_property or (finding.kind == "schema" and finding.feature in PROPERTIES):
            worst.setdefault(finding.feature, finding)
    tested = [prop.name for prop in features.PROPERTIES if prop.tested]
    names = [*tested, *(name for name in worst if name not in tested)]
    rows = [_row(name, review, worst.get(name), baseline, new, texts) for name in names]
    return sorted(rows, key=lambda row: (-(LEVELS.index(row.level) if row.level in LEVELS else -1), -_relative(row)))


def _relative(row: Row) -> float:
    return (row.effect or 0.0) / (row.threshold or 10.0)


def _row(name: str, review: Review, finding: Finding | None, baseline: pd.DataFrame, new: pd.DataFrame, texts: Texts) -> Row:
    prop = PROPERTIES.get(name)
    scores = review.scores.get(name, {})
    distance = distance_points(scores)
    photos = _measured(name, baseline), _measured(name, new)
    result: str
    few = prop is not None and min(photos) < _FEWEST_PHOTOS
    measured = bool(finding) and finding is not None and finding.kind != "schema"
    if finding:
        result = finding.level
    elif name not in review.scores:
        result = "not_compared"
    else:
        result = "too_few" if few or distance is None else "none"
    return Row(
        name,
        texts.title(name),
        texts.table.get(f"meaning.{name}", texts("meaning.derived")),
        finding.effect if measured and finding else distance,
        _score(scores, _TFDV),
        finding.threshold if measured and finding else scores.get(WARN_AT),
        review.power.get(name),
        (texts.amount(scores.get("baseline_median"), name), texts.value(scores.get("new_median"), name)),
        photos,
        finding.level if finding else "",
        bool(finding and finding.accepted),
        texts(f"result.{result}"),
        histogram(prop, baseline, new, texts) if prop and prop.role != "identifier" and not few else None,
    )


def distance_points(scores: Mapping[str, Any]) -> float | None:
    """The difference between both sides, in points, by the scores of one property; None if it was not compared."""
    return _score(scores, _DISTANCES)


def _measured(name: str, frame: pd.DataFrame) -> int:
    """Photos with a value."""
    prop = PROPERTIES.get(name)
    if prop is None:
        return 0
    return sum(map(bool, words(frame, name))) if prop.kind == "string" and name in frame else int(np.isfinite(numbers(frame, name)).sum())


def _score(scores: Mapping[str, Any], methods: Mapping[str, float]) -> float | None:
    """The first of the methods that has a value, in the unit of the page."""
    for method, factor in methods.items():
        value = scores.get(method)
        if isinstance(value, (int, float)) and finite_or_none(value) is not None:
            return factor * value
    return None


def histogram(prop: features.Property, baseline: pd.DataFrame, new: pd.DataFrame, texts: Texts) -> Histogram | None:
    """Shares of both sides: of each value if there are few, otherwise in bins from the 1st to the 99th percentile of both."""
    if prop.kind == "string":
        return _bars([[text for text in words(frame, prop.name) if text] for frame in (baseline, new)], prop.values, texts)
    sides = [values[np.isfinite(values)] for values in (numbers(frame, prop.name) for frame in (baseline, new))]
    filled = [values for values in sides if len(values)]
    if not filled:
        return None
    distinct = np.unique(np.concatenate([np.unique(values) for values in filled]))
    if len(distinct) <= _FEW_VALUES:
        return _bars([values.tolist() for values in sides], distinct.tolist(), texts)
    low, high = min(np.quantile(v, 0.01) for v in filled), max(np.quantile(v, 0.99) for v in filled)
    if not low < high:
        low, high = distinct[0], distinct[-1]
    old, fresh = (np.histogram(values, _BINS, (low, high))[0] / max(len(values), 1) for values in sides)
    return draw_histogram(old, fresh, (texts.numbers.number(float(low)), texts.numbers.number(float(high))))


def _bars(sides: Sequence[Sequence[Any]], order: Iterable[Any], texts: Texts) -> Histogram | None:
    """A bar for each value: those of `order` first, then by their number."""
    counts = [Counter(values) for values in sides]
    both = counts[0] + counts[1]
    names = [*(name for name in order if name in both), *(name for name, _ in both.most_common() if name not in order)][:_FEW_VALUES]
    if not names:
        return None
    old, fresh = (np.array([side[name] for name in names]) / max(sum(side.values()), 1) for side in counts)
    labels = tuple(name if isinstance(name, str) else texts.numbers.number(name) for name in names)
    return draw_histogram(old, fresh, labels, each=len(names) <= 3)


def trends(review: Review, rows: Sequence[Row], history: Sequence[Mapping[str, Any]], texts: Texts) -> list[ScoreTrend]:
    """The trends of everything that has a score in any review. `history`: earlier reviews, oldest first."""
    thresholds = {row.name: row.threshold for row in rows}
    earlier = [(str(entry.get("name", "")), entry.get("scores") or {}) for entry in history]
    reviews = [*earlier, (texts("trend.this"), review.scores)]
    score_trends = []
    for name in (*(row.name for row in rows), features.LABEL, ALL_PROPERTIES, features.EMBEDDING):
        distance, tfdv = ([(of, _score(scores.get(name) or {}, methods)) for of, scores in reviews] for methods in (_DISTANCES, _TFDV))
        if any(value is not None for _, value in (*distance, *tfdv)):
            number = texts.numbers.number
            drawn = draw_trend(distance, 10.0, thresholds.get(name), number), draw_trend(tfdv, 0.1, number=number)
            score_trends.append(ScoreTrend(texts.title(name), *drawn))
    return score_trends


def class_shares(baseline: pd.DataFrame, new: pd.DataFrame) -> list[tuple[str, float | None, float | None]]:
    """Class, its share in the baseline and among the new photos; None if a side has no labels."""
    counts = [Counter(label for label in words(frame, features.LABEL) if label) for frame in (baseline, new)]
    totals = [sum(side.values()) for side in counts]
    order = sorted({**counts[0], **counts[1]}, key=lambda name: (-counts[0][name], -counts[1][name], name))
    old, fresh = ({name: side[name] / total if total else None for name in order} for side, total in zip(counts, totals, strict=True))
    return [(name, old[name], fresh[name]) for name in order]
