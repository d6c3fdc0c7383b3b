"""How the scores of a pipeline changed from delivery to delivery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flowers_tfx.desk.review_state import delivery_name
from flowers_tfx.reports.plots import Trend, draw_trend
from flowers_tfx.review.property_rows import distance_points
from flowers_tfx.review.stored_reviews import StoredReview
from flowers_tfx.texts import ENGLISH

MOST_DELIVERIES = 24
_LEAST_SCALE = 10.0  # points: small differences must look small


@dataclass(frozen=True)
class ScoreTrend:
    """The difference of a property, in points, over the deliveries. `last`: that of the newest delivery; `values`: name of the delivery and
    value, oldest first."""

    name: str
    title: str
    trend: Trend
    last: float | None
    values: tuple[tuple[str, float | None], ...]


def newest_of_deliveries(reviews: Sequence[StoredReview]) -> list[StoredReview]:
    """The newest review of each delivery, oldest first, at most MOST_DELIVERIES. `reviews`: newest first."""
    newest: dict[tuple[int, ...], StoredReview] = {}
    for stored in reviews:
        if stored.spans:
            newest.setdefault(stored.spans, stored)
    return list(reversed(list(newest.values())[:MOST_DELIVERIES]))


def score_trends(reviews: Sequence[StoredReview]) -> list[ScoreTrend]:
    """Of everything that has a score in one of the reviews, the largest newest difference first. `reviews`: oldest first."""
    names = dict.fromkeys(name for stored in reviews for name in stored.review.get("scores", {}))
    thresholds = {
        finding["feature"]: finding.get("threshold")
        for stored in reviews
        for finding in stored.review["findings"]
        if finding.get("unit") == "points"
    }
    trends = []
    for name in names:
        values = [(delivery_name(stored), distance_points(stored.review["scores"].get(name) or {})) for stored in reviews]
        if any(value is not None for _, value in values):
            drawn = draw_trend(values, _LEAST_SCALE, thresholds.get(name))
            trends.append(ScoreTrend(name, ENGLISH.title(name), drawn, drawn.last_value, tuple(values)))
    return sorted(trends, key=lambda one: (-(one.last or 0.0), one.title))
