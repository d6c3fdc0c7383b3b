"""Formats texts and numbers for reports."""

from __future__ import annotations

from flowers_tfx.reports.rendering import NONE, finite_or_none


def clean(text: object, most: int = 300) -> str:
    """One line of at most `most` characters; control characters, lone surrogates and marks of the writing direction are replaced."""
    start = str(text)[: most + 1]
    line = "".join(c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in start)
    return line if len(line) <= most else line[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"


def amount(value: float | None, unit: str = "") -> str:
    number = finite_or_none(value)
    if number is None:
        return NONE
    text = f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
    # Some properties have a range, such as 0-255, instead of a unit.
    with_unit = f"{text} {unit}" if unit and not any(c.isdigit() for c in unit) else text
    return with_unit.replace("-", "\N{MINUS SIGN}", text.startswith("-"))
