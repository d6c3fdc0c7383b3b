"""Kubeflow's cron expressions: six fields, seconds first."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flowers_tfx.errors import InputError

SIX_FIELDS = (
    "Six fields, seconds first: SECOND MINUTE HOUR DAY MONTH WEEKDAY. "
    "`0 30 2 * * *` is every day at 02:30:00, `0 0 6 * * 1` every Monday at 6."
)


@dataclass(frozen=True)
class _Field:
    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()  # names for the numbers from `low`
    question_mark: bool = False

    def accepts(self, text: str) -> bool:
        return all(self._accepts_item(item) for item in text.split(","))

    def _accepts_item(self, item: str) -> bool:
        """`*`, a number or a range, each with a step or without."""
        span, slash, step = item.partition("/")
        if slash and not (step.isdecimal() and int(step) > 0):
            return False
        if span in ("*", "?"):
            return span == "*" or self.question_mark
        first, dash, last = span.partition("-")
        low = self._number(first)
        high = self._number(last) if dash else low
        return low is not None and high is not None and self.low <= low <= high <= self.high

    def _number(self, text: str) -> int | None:
        if text.upper() in self.words:
            return self.words.index(text.upper()) + self.low
        return int(text) if text.isdecimal() else None


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31, question_mark=True),
    _Field("month", 1, 12, ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")),
    _Field("weekday", 0, 6, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), question_mark=True),
)
_SHORTCUTS = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|m|s)")
_EVERY = re.compile(rf"@every (?:{_DURATION.pattern})+")
_UNITS_S = {"h": 3600, "m": 60, "s": 1}
# A run each second: the backend rounds a shorter interval up to this one.
_SHORTEST_S = 2


def check_cron(cron: str) -> str:
    """The expression with single spaces. Raises InputError, with the right form as its hint, on what the backend would refuse or
    misunderstand."""
    text = " ".join(cron.split())
    if text in _SHORTCUTS:
        return text
    if _EVERY.fullmatch(text):
        if sum(float(number) * _UNITS_S[unit] for number, unit in _DURATION.findall(text)) < _SHORTEST_S:
            raise _every_second(text)
        return text
    parts = text.split(" ")
    if len(parts) == 5:
        raise InputError(f"The schedule `{text}` has five fields, and Kubeflow's begins with the seconds: `0 {text}`?", SIX_FIELDS)
    if len(parts) != len(_FIELDS):
        raise InputError(f"The schedule `{text}` has {len(parts)} fields instead of six.", SIX_FIELDS)
    for part, field in zip(parts, _FIELDS, strict=True):
        if not field.accepts(part):
            raise InputError(f"The schedule `{text}`: {part} is not a valid {field.name} ({field.low} to {field.high}).", SIX_FIELDS)
    if any(item in ("*", "*/1", "0-59", "0-59/1") for item in parts[0].split(",")):
        raise _every_second(text)
    return text


def _every_second(text: str) -> InputError:
    return InputError(f"The schedule `{text}` would start a run every second.", SIX_FIELDS)
