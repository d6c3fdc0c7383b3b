"""The facts of findings on drift, which their messages are made from: `text` names the message in `flowers_tfx.texts`. Shares and effects
are in points, hundredths of the photos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from flowers_tfx.validation.findings.growth import Growth
from flowers_tfx.validation.subjects import OUTLYING_PHOTOS
from flowers_tfx.validation.tables.photo_table import Floats
from flowers_tfx.validation.views.view_result import Column
from flowers_tfx.validation.wording import number

Facts = dict[str, Any]
# A share of the baseline below the new median that is this close to one half is not mentioned.
_SAME_MEDIAN = 10.0


def distribution(feature: str, old: Floats, new: Floats, growth: Growth) -> Facts:
    """How the distribution changed as a whole, and then the values whose share grew most."""
    medians = float(np.median(old)), float(np.median(new))
    below = 100 * float((old < medians[1]).mean() + (old <= medians[1]).mean()) / 2
    also = {"also": _growth(feature, growth)}
    if abs(below - 50) >= _SAME_MEDIAN and number(medians[0]) != number(medians[1]):
        direction = "above" if below > 50 else "below"
        position = (
            {"text": f"median_{direction}_all"} if below in (0, 100) else {"text": f"median_{direction}", "share": abs(below - 50) + 50}
        )
        return {**position, "feature": feature, "old": medians[0], "new": medians[1], **also}
    (old_low, old_high), (low, high) = (np.quantile(side, (0.1, 0.9)).tolist() for side in (old, new))
    middle = {"low": low, "high": high, "old_low": old_low, "old_high": old_high}
    spreads = old_high - old_low, high - low
    text = "wider" if spreads[1] > spreads[0] else "narrower" if spreads[1] < spreads[0] else "reshaped"
    return {"text": text, "feature": feature, "new": medians[1], **(middle if text != "reshaped" else {}), **also}


def _growth(feature: str, growth: Growth) -> Facts:
    shares = {"feature": feature, "old": growth.old, "new": growth.new}
    if growth.low == growth.high:
        return {"text": "growth_value", "low": growth.low, **shares}
    if growth.is_lowest != growth.is_highest:
        end = {"text": "growth_to", "high": growth.high} if growth.is_lowest else {"text": "growth_from", "low": growth.low}
        return {**end, **shares}
    return {"text": "growth_range", "low": growth.low, "high": growth.high, **shares}


def category(feature: str, word: str, old: float, new: float) -> Facts:
    if feature == "grayscale":
        return {"text": "grayscale" if word == "1" else "colour", "old": old, "new": new}
    return {"text": "category", "feature": feature, "word": word, "old": old, "new": new}


def missing(feature: str, old: float, new: float) -> Facts:
    return {"text": "missing_value", "feature": feature, "old": old, "new": new}


def tail(feature: str, column: Column, old: float, new: float) -> Facts:
    if feature == OUTLYING_PHOTOS:
        return {"text": "outlying", "old": old, "new": new}
    return {"text": "tail_upper" if column.upper else "tail_lower", "feature": feature, "cut": float(column.cut), "old": old, "new": new}


def class_shares(changed: Mapping[str, tuple[float, float]], effect: float) -> Facts:
    """`changed`: class to its shares in the baseline and now."""
    return {"text": "class_shares", "changes": [[name, *shares] for name, shares in changed.items()], "effect": effect}


def new_class(name: str, share: float) -> Facts:
    return {"text": "new_class", "name": name, "share": share}


def missing_class(name: str, share: float) -> Facts:
    return {"text": "missing_class", "name": name, "share": share}


def inconsistent_labels(old: float, new: float) -> Facts:
    return {"text": "inconsistent_labels", "old": old, "new": new}


def separation(view_name: str, effect: float) -> Facts:
    """`view_name`: joint or content."""
    return {"text": view_name, "right": 50 + effect}


def omnibus(measure: str, effect: float) -> Facts:
    """`measure`: the subject with the largest effect."""
    return {"text": "omnibus", "measure": measure, "effect": effect}
