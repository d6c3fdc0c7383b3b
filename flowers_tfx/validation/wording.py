"""Formats numbers and names for the messages of findings."""

from __future__ import annotations

from flowers_tfx.features import PROPERTIES
from flowers_tfx.validation.derived_properties import DERIVED_PROPERTIES

_TITLES = {prop.name: prop.title for prop in PROPERTIES}
_UNITS = {prop.name: prop.unit for prop in PROPERTIES} | {derived.name: derived.unit for derived in DERIVED_PROPERTIES}


def title_of(feature: str) -> str:
    """The title of a property."""
    return _TITLES.get(feature, feature)


def sentence(text: str) -> str:
    """The text with a capital at its beginning."""
    return text[:1].upper() + text[1:]


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def value_with_unit(value: float, feature: str) -> str:
    """The value with the unit of its feature; a range such as 0-255 is not a unit."""
    unit = _UNITS.get(feature, "")
    return f"{number(value)} {unit}" if unit and not any(c.isdigit() or c == "/" for c in unit) else number(value)


def percentage(points: float) -> str:
    """Hundredths as a percentage: whole from 10, with a decimal below, and never 0 or 100 by rounding."""
    for digits in (0, 1, 2):
        text = f"{points:.{digits}f}"
        exact = abs(float(text) - points) < 1e-9
        if exact or ((points >= 10 or digits > 0) and 0 < float(text) < 100):
            return f"{text} %"
    return "less than 0.01 %" if points < 50 else "more than 99.99 %"
