"""Fills in the templates of a language.

A placeholder names a value and how it is written, `{share:percent}`:

- `number`, `count`, `percent` (of points, hundredths), `points`;
- `value:{feature}`: with the unit of that property or its scale, `amount:{feature}`: without the scale;
- `title` and `Title`: the name of a property or of another subject, the second with a capital;
- `capital`: with a capital; `text`: the text with this key; `list`: names with commas between them;
- `changes`: [name, before, now] with both in points;
- `plural:photo|photos`: the first word for 1, otherwise the second.
"""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flowers_tfx.features import PROPERTIES
from flowers_tfx.texts.numbers import UNKNOWN, NumberFormat

_UNITS = {prop.name: prop.unit for prop in PROPERTIES}


class Texts(string.Formatter):
    """The texts of one language: `texts("page.labels", photos=3)`. Raises KeyError for a key or a value that is missing."""

    def __init__(self, language: str, table: Mapping[str, str], numbers: NumberFormat) -> None:
        self.language, self.table, self.numbers = language, table, numbers
        self._kinds: Mapping[str, Callable[[Any, str], str]] = {
            "": lambda value, _: str(value),
            "number": lambda value, _: numbers.number(value),
            "count": lambda value, _: numbers.count(value),
            "percent": lambda value, _: numbers.percentage(value),
            "points": lambda value, _: self.points(value),
            "value": self.value,
            "amount": self.amount,
            "title": lambda value, _: self.title(value),
            "Title": lambda value, _: capitalized(self.title(value)),
            "text": lambda value, _: self(value),
            "capital": lambda value, _: capitalized(str(value)),
            "list": lambda value, _: ", ".join(map(str, value)),
            "changes": lambda value, _: self._changes(value),
            "plural": lambda value, words: words.split("|")[value != 1],
        }

    def __call__(self, key: str, /, **values: Any) -> str:
        return self.vformat(self.table[key], (), values)

    def message(self, facts: Mapping[str, Any], message: str = "") -> str:
        """The message of a finding from its facts: `text`, the end of its key, and values; `also`: facts of a second sentence. Without
        facts it is `message`, as the finding has it."""
        if f"finding.{facts.get('text')}" not in self.table:
            return message
        text = self(f"finding.{facts['text']}", **{name: value for name, value in facts.items() if name not in ("text", "also")})
        return f"{text} {self.message(facts['also'])}" if facts.get("also") else text

    def title(self, subject: str) -> str:
        """What people call a property or another subject of findings; an unknown one, such as a class, keeps its name."""
        return self.table.get(f"title.{subject}", subject)

    def unit(self, feature: str) -> str:
        unit = _UNITS.get(feature, "px" if feature == "longer side" else "")
        return self.table.get(f"unit.{unit}", unit)

    def value(self, value: float | None, feature: str) -> str:
        return self.numbers.with_unit(value, self.unit(feature))

    def amount(self, value: float | None, feature: str) -> str:
        return self.numbers.with_unit(value, self.unit(feature), with_scale=False)

    def points(self, value: float | None) -> str:
        number = self.numbers.decimal(value, 1)
        return number if number == UNKNOWN else self("points", value=number)

    def change(self, value: float | None) -> str:
        """In points, with a sign."""
        if value is None or not math.isfinite(value):
            return UNKNOWN
        sign = "" if round(value, 1) == 0 else "+" if value > 0 else "\N{MINUS SIGN}"
        return f"{sign}{self.points(abs(value))}"

    def format_field(self, value: Any, format_spec: str) -> str:
        kind, _, argument = format_spec.partition(":")
        return self._kinds[kind](value, argument)

    def _changes(self, changes: Sequence[tuple[str, float, float]]) -> str:
        percentage = self.numbers.percentage
        return ", ".join(f"{name} {percentage(old)} -> {percentage(new)}" for name, old, new in changes)


def capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]


def with_also(facts: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """The facts with another sentence at the end of their message; without facts none."""
    return {**facts, "also": with_also(facts["also"], more) if facts.get("also") else dict(more)} if facts else {}
