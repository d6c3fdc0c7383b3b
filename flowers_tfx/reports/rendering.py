"""The Jinja environment of all reports: everything is escaped, nothing is loaded from a network."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import jinja2

_NBSP = "\N{NO-BREAK SPACE}"
NONE = "\N{EN DASH}"  # in the place of a number that is unknown


def finite_or_none(value: float | None) -> float | None:
    """The number, or None if it is missing, NaN or infinite."""
    return None if value is None or not math.isfinite(value) else value


def percent(share: float | None, digits: int = 1) -> str:
    value = finite_or_none(share)
    return NONE if value is None else f"{100 * value:.{digits}f}{_NBSP}%"


def points(difference: float | None) -> str:
    """A difference of two shares, signed, in percentage points."""
    value = finite_or_none(difference)
    return NONE if value is None else f"{100 * value:+.1f}{_NBSP}points".replace("-", "\N{MINUS SIGN}")


def decimal(value: float | None, digits: int = 3) -> str:
    number = finite_or_none(value)
    return NONE if number is None else f"{number:.{digits}f}"


def small(value: float) -> str:
    """A difference that may be tiny: 0, 0.0031, 2.4e-07."""
    return f"{value:.2g}"


def count(number: int, noun: str = "photo") -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def unbroken(text: str) -> str:
    """No line breaks between a number and its %."""
    return text.replace(" %", f"{_NBSP}%")


def render(template: str, **values: Any) -> str:
    return environment().get_template(template).render(**values)


@cache
def environment(package: str = "flowers_tfx.reports") -> jinja2.Environment:
    """The environment of the templates in a package's folder `templates`."""
    jinja = jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.filters |= {"percent": percent, "points": points, "decimal": decimal, "small": small, "count": count, "zip": zip}
    jinja.filters["unbroken"] = unbroken
    jinja.tests["known"] = lambda value: finite_or_none(value) is not None
    return jinja
