"""The messages of findings on drift: short sentences for reviewers. Shares and effects are in points, hundredths of the photos."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from flowers_tfx.validation.subjects import OUTLYING_PHOTOS
from flowers_tfx.validation.tables.photo_table import Floats
from flowers_tfx.validation.views.view_result import Column
from flowers_tfx.validation.wording import number, percentage, sentence, title_of, value_with_unit

# A share of the baseline below the new median that is this close to one half is not mentioned.
_SAME_MEDIAN = 10.0


def distribution(feature: str, old: Floats, new: Floats, effect: float) -> str:
    medians = float(np.median(old)), float(np.median(new))
    below = 100 * float((old < medians[1]).mean() + (old <= medians[1]).mean()) / 2
    matching = f"At least {percentage(effect)} of the photos would need another value to match the baseline."
    title = sentence(title_of(feature))
    if abs(below - 50) >= _SAME_MEDIAN and number(medians[0]) != number(medians[1]):
        return f"{title}: median {number(medians[0])} -> {value_with_unit(medians[1], feature)} ({_position(below)}). {matching}"
    spans = [float(np.quantile(side, 0.9) - np.quantile(side, 0.1)) for side in (old, new)]
    change = "varies more" if spans[1] > spans[0] else "varies less" if spans[1] < spans[0] else "is spread differently"
    return (
        f"{title} {change} than in the baseline: the middle 80 % of the photos span {value_with_unit(spans[1], feature)} instead of "
        f"{number(spans[0])}, the median is about the same ({number(medians[0])} -> {number(medians[1])}). {matching}"
    )


def category(feature: str, word: str, old: float, new: float) -> str:
    return f"{sentence(_category(feature, word))}: {_shares(old, new)}."


def missing(feature: str, old: float, new: float) -> str:
    return f"{sentence(title_of(feature))} is missing: {_shares(old, new)}."


def tail(feature: str, column: Column, old: float, new: float) -> str:
    if feature == OUTLYING_PHOTOS:
        return f"Photos with unusual combinations of properties: {_shares(old, new)}."
    side = "more" if column.upper else "less"
    return f"{sentence(title_of(feature))} of {value_with_unit(column.cut, feature)} or {side}: {_shares(old, new)}."


def class_shares(changed: Mapping[str, tuple[float, float]], effect: float) -> str:
    """`changed`: class to its shares in the baseline and now."""
    changes = ", ".join(f"{name} {percentage(old)} -> {percentage(new)}" for name, (old, new) in changed.items())
    return f"Class shares: {changes}. {sentence(percentage(effect))} of the photos would need another class to match the baseline."


def new_class(name: str, share: float) -> str:
    return f"The class {name} is new: {percentage(share)} of the new photos, none of the baseline."


def missing_class(name: str, share: float) -> str:
    return f"The class {name} is missing: none of the new photos, {percentage(share)} of the baseline."


def inconsistent_labels(old: float, new: float) -> str:
    return f"Labels that do not fit the picture: {_shares(old, new)}. Some of the labels are probably wrong."


def separation(view_name: str, effect: float) -> str:
    measure = {"joint": "all properties together", "content": "what they show (embeddings)"}[view_name]
    return f"Judged by {measure}, {50 + effect:.0f} % of the photos can be sorted correctly into new and baseline; by guessing, 50 %."


def omnibus(name: str, effect: float) -> str:
    """`name`: the measure with the largest effect."""
    return (
        "No single measure is clearly different, but all of them together are. "
        f"The largest difference is in {name}: {percentage(effect)} of the photos."
    )


def _position(below: float) -> str:
    """Where a value lies in the baseline, of which `below` points are smaller."""
    if below in (0, 100):
        return f"{'above' if below else 'below'} all of the baseline"
    return f"above {percentage(below)} of the baseline" if below > 50 else f"below {percentage(100 - below)} of the baseline"


def _category(feature: str, word: str) -> str:
    if feature == "grayscale":
        return title_of(feature) if word == "1" else "in colour"
    return f"{title_of(feature)} {word}"


def _shares(old: float, new: float) -> str:
    return f"{percentage(new)} of the new photos, {percentage(old)} of the baseline"
