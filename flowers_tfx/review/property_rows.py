"""Properties and classes of both sides: the rows of their tables, histograms, and scores over the last reviews.

Scores come from the review as they are; histograms and class shares come from both tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from flowers_tfx import features
from flowers_tfx.reports.rendering import known
from flowers_tfx.reports.words import amount
from flowers_tfx.review.columns import PROPERTIES, Floats, numbers, texts
from flowers_tfx.validation.review import LEVELS, Finding, Review
from flowers_tfx.validation.subjects import ALL_PROPERTIES, OUTLYING_PHOTOS

_BINS = 24
_FEW_VALUES = 12
_PLOT = (120, 30)
_MOVED: Mapping[str, float] = {"kolmogorov_smirnov": 100.0, "total_variation": 100.0, "separation_points": 1.0}
_TFDV: Mapping[str, float] = {"jensen_shannon_divergence": 1.0, "l_infinity_norm": 1.0}


@dataclass(frozen=True)
class Histogram:
    """Paths in a box of `_PLOT`, and what stands below them: both ends, or, with `each`, every bar's value."""

    old: str
    new: str
    below: tuple[str, ...]
    each: bool = False


@dataclass(frozen=True)
class Row:
    """A property of the table: `moved` in points, `level` of its worst finding or empty, `result` in words."""

    name: str
    meaning: str
    unit: str
    moved: float | None
    tfdv: float | None
    threshold: float | None
    medians: tuple[float | None, float | None]
    level: str
    accepted: bool
    result: str
    histogram: Histogram | None


@dataclass(frozen=True)
class Trend:
    """A score over the reviews: lines and the limit in a box of `_PLOT`, the last dot, and all of it in words."""

    lines: tuple[str, ...]
    limit: float | None
    dot: tuple[float, float] | None
    newest: float | None
    words: str


def property_rows(review: Review, baseline: pd.DataFrame, new: pd.DataFrame) -> list[Row]:
    """The most severe first, then by score."""
    worst: dict[str, Finding] = {}
    for finding in review.findings:
        if finding.spec.one_property or (finding.kind == "schema" and finding.feature in PROPERTIES):
            worst.setdefault(finding.feature, finding)
    names = [*features.PROPERTY_NAMES, *(name for name in worst if name not in PROPERTIES)]
    rows = [_row(name, review, worst.get(name), baseline, new) for name in names]
    return sorted(rows, key=lambda row: (-(LEVELS.index(row.level) if row.level in LEVELS else -1), -(row.moved or 0.0)))


def _row(name: str, review: Review, finding: Finding | None, baseline: pd.DataFrame, new: pd.DataFrame) -> Row:
    prop = PROPERTIES.get(name)
    scores = review.scores.get(name, {})
    moved = _score(scores, _MOVED)
    result: str
    if finding:
        result = "accepted" if finding.accepted else finding.level
    elif prop and not prop.tested:
        result = "not tested"
    elif name not in review.scores:
        result = "not compared"
    else:
        result = "no values" if moved is None else "no drift"
    return Row(
        name,
        prop.meaning if prop else "worked out from other properties",
        prop.unit if prop else "",
        moved,
        _score(scores, _TFDV),
        finding.threshold if finding and finding.kind != "schema" else None,
        (scores.get("baseline_median"), scores.get("new_median")),
        finding.level if finding else "",
        bool(finding and finding.accepted),
        result,
        _histogram(prop, baseline, new) if prop and name != "phash" else None,
    )


def _score(scores: Mapping[str, Any], methods: Mapping[str, float]) -> float | None:
    """The first of the methods that there is, in its own unit."""
    for method, factor in methods.items():
        value = scores.get(method)
        if isinstance(value, (int, float)) and known(value) is not None:
            return factor * value
    return None


def drifted(review: Review) -> tuple[int, int]:
    """Properties with a finding that warns or stops, and properties compared."""
    moved = {finding.feature for finding in review.of_level("warn", "error") if finding.spec.one_property} - {OUTLYING_PHOTOS}
    names = [prop.name for prop in features.PROPERTIES if prop.tested and _score(review.scores.get(prop.name, {}), _MOVED) is not None]
    return len(moved), max(len(names), len(moved))


def _histogram(prop: features.Property, baseline: pd.DataFrame, new: pd.DataFrame) -> Histogram | None:
    """Shares of both sides: of each value where there are few, else from the 1st to the 99th percentile of both."""
    if prop.kind == "string":
        return _bars([[word for word in texts(frame, prop.name) if word] for frame in (baseline, new)], prop.values)
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
    shares = [np.histogram(values, _BINS, (low, high))[0] / max(len(values), 1) for values in sides]
    return _drawn(shares, (amount(float(low)), amount(float(high))))


def _bars(sides: Sequence[Sequence[Any]], order: Iterable[Any]) -> Histogram | None:
    counts = [Counter(values) for values in sides]
    seen = counts[0] + counts[1]
    names = [*(name for name in order if name in seen), *(name for name, _ in seen.most_common() if name not in order)][:_FEW_VALUES]
    shares = [np.array([side[name] for name in names]) / max(sum(side.values()), 1) for side in counts]
    return _drawn(shares, tuple(name if isinstance(name, str) else amount(name) for name in names), len(names) <= 3) if names else None


def _drawn(shares: Sequence[Floats], below: tuple[str, ...], each: bool = False) -> Histogram:
    width, height = _PLOT
    top = max(float(side.max()) for side in shares) or 1.0
    paths = []
    for side in shares:
        step = width / len(side)
        stairs = (f"V{height - (height - 1) * share / top:.1f}H{step * (at + 1):.1f}" for at, share in enumerate(side.tolist()))
        paths.append(f"M0,{height}{''.join(stairs)}V{height}")
    return Histogram(paths[0], paths[1], below, each)


def trends(review: Review, rows: Sequence[Row], history: Sequence[Mapping[str, Any]]) -> list[tuple[str, Trend, Trend]]:
    """Name, how far it moved, TFDV's distance; of everything that has a score in any review. `history`: oldest first."""
    limits = {row.name: row.threshold for row in rows}
    earlier = [(str(e.get("name", "")), e.get("scores") or {}) for e in history]
    reviews = [*earlier, ("this review", review.scores)]
    found = []
    for name in (*(row.name for row in rows), features.LABEL, ALL_PROPERTIES, features.EMBEDDING):
        moved, tfdv = ([(said, _score(scores.get(name) or {}, methods)) for said, scores in reviews] for methods in (_MOVED, _TFDV))
        if any(value is not None for _, value in (*moved, *tfdv)):
            found.append((name, _trend(moved, 10.0, limits.get(name)), _trend(tfdv, 0.1)))
    return found


def _trend(values: Sequence[tuple[str, float | None]], top: float, limit: float | None = None) -> Trend:
    """The scale ends at `top` or above, so that small scores look small."""
    width, height = _PLOT
    limit = known(limit)
    top = 1.1 * max([top, limit or 0.0, *(abs(value) for _, value in values if value is not None)])
    step = (width - 8) / max(len(values) - 1, 1)

    def up(value: float) -> float:
        return round(height - 2 - (height - 4) * value / top, 1)

    dots = [(round(4 + step * at, 1), up(value)) if value is not None else None for at, (_, value) in enumerate(values)]
    runs = [list(run) for there, run in groupby(dots, key=lambda dot: dot is not None) if there]
    # A review between two without this score: a line of no length, which round ends make a dot.
    lines = tuple(" ".join(f"{dot[0]},{dot[1]}" for dot in (run if len(run) > 1 else 2 * run) if dot) for run in runs)
    words = ", ".join(f"{said} {amount(value)}" for said, value in values)
    return Trend(lines, None if limit is None else up(limit), dots[-1], values[-1][1], words)


def class_shares(baseline: pd.DataFrame, new: pd.DataFrame) -> list[tuple[str, float | None, float | None]]:
    """Class, its share before and now; None where a side has no labels at all."""
    counts = [Counter(label for label in texts(frame, features.LABEL) if label) for frame in (baseline, new)]
    totals = [sum(side.values()) for side in counts]
    order = sorted({**counts[0], **counts[1]}, key=lambda name: (-counts[0][name], -counts[1][name], name))
    old, fresh = ({name: side[name] / total if total else None for name in order} for side, total in zip(counts, totals, strict=True))
    return [(name, old[name], fresh[name]) for name in order]
