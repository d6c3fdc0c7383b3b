"""Findings on single properties: a distribution, the share of a category, missing values, extreme values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from flowers_tfx.validation.effects import kolmogorov_smirnov
from flowers_tfx.validation.findings import messages
from flowers_tfx.validation.findings.builder import SHOWN, FindingBuilder, Rows
from flowers_tfx.validation.findings.growth import largest_growth
from flowers_tfx.validation.permutation import Floats
from flowers_tfx.validation.review import Finding
from flowers_tfx.validation.subjects import OUTLYING_PHOTOS
from flowers_tfx.validation.views.property_view import MISSING, SHARE_OF


def property_finding(builder: FindingBuilder, feature: str) -> Finding:
    """On the column of this property that is strongest."""
    view = builder.views["property"]
    at, p_value = builder.significance.strongest["property", feature]
    method, values = view.columns[at].method, view.values.get(feature)
    if values is None:
        return _category_finding(builder, feature, method)
    finite_shares = builder.flag_shares(np.isfinite(values))
    if method == MISSING or not all(finite_shares):
        return _category_finding(builder, feature, MISSING)
    old, new = _all_values(builder, feature, values)
    effect = 100 * (kolmogorov_smirnov(old, new) or 0.0)
    if feature in builder.pool.photos.numbers and abs(finite_shares[0] - finite_shares[1]) > effect:
        return _category_finding(builder, feature, MISSING)
    growth = largest_growth(old, new)
    return builder.build(
        "property",
        feature,
        messages.distribution(feature, old, new, growth),
        p_value=p_value,
        effect=effect,
        statistic=view.statistics[0, at],
        rows=_rows_of_growth(builder, values),
    )


def tail_finding(builder: FindingBuilder, feature: str) -> Finding:
    view = builder.views["tail"]
    at, p_value = builder.significance.strongest["tail", feature]
    column = view.columns[at]
    flag = builder.photos_beyond(view.values[feature], column)
    old, new = builder.flag_shares(flag)
    finding = builder.build(
        "tail",
        feature,
        messages.tail(feature, column, old, new),
        p_value=p_value,
        effect=abs(new - old),
        statistic=view.statistics[0, at],
        rows=builder.first_new(np.flatnonzero(flag)),
    )
    # Fewer photos out of the ordinary than before are no reason for a warning.
    return replace(finding, level="note") if feature == OUTLYING_PHOTOS and new < old else finding


def _rows_of_growth(builder: FindingBuilder, values: Floats) -> Rows:
    """New photos of the pool whose values' share grew most."""
    old, new = (np.flatnonzero(np.isfinite(values) & (builder.pool.is_new == side)) for side in (False, True))
    rows: Rows = new[largest_growth(values[old], values[new]).rows[:SHOWN]]
    return rows


def _category_finding(builder: FindingBuilder, feature: str, method: str) -> Finding:
    """On the share of a category, or of photos without a value."""
    at, p_value = builder.significance.strongest["property", feature]
    photos = builder.pool.photos
    if method == MISSING:
        word = None
        values = photos.words[feature] if feature in photos.words else photos.numbers[feature]
        flag = np.array([value is None or value != value for value in values], bool)
    else:
        word = method.removeprefix(SHARE_OF)
        flag = np.array([value is not None and str(value) == word for value in builder.pool.categories()[feature]], bool)
    old, new = builder.flag_shares(flag)
    return builder.build(
        "property",
        feature,
        messages.missing(feature, old, new) if word is None else messages.category(feature, word, old, new),
        p_value=p_value,
        effect=abs(new - old),
        statistic=builder.views["property"].statistics[0, at],
        rows=np.flatnonzero(builder.pool.is_new & (flag if new > old else ~flag))[:SHOWN],
    )


def _all_values(builder: FindingBuilder, feature: str, values: Floats) -> tuple[Floats, Floats]:
    """Finite values of all photos; of those in the pool where the property is derived from others."""
    if feature in builder.baseline.numbers:
        old, new = builder.baseline.numbers[feature], builder.new.numbers[feature]
    else:
        old, new = values[~builder.pool.is_new], values[builder.pool.is_new]
    return old[np.isfinite(old)], new[np.isfinite(new)]
