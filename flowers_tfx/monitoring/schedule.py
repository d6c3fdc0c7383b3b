"""When the next review is due: every so many minutes, or at the times of a cron expression, in UTC.

Cron's five fields are MINUTE HOUR DAY MONTH WEEKDAY: numbers, `*`, lists `1,15`, ranges `1-5` and steps `*/10`; Sunday is 0 or 7. Where
both DAY and WEEKDAY are given, either is enough, as in POSIX (crontab).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from flowers_tfx.errors import InputError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_INTERVAL = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_SHORTEST_S = 1.0
_HINT = "Write an interval such as 30m, 1h or 1d, or cron's five fields, such as `15 * * * *`: a quarter past every hour, UTC."
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
# The 29th of February comes back after eight years at most.
_LONGEST_SEARCH_DAYS = 8 * 366 + 1


@dataclass(frozen=True)
class Interval:
    seconds: float

    def next_after(self, last: datetime) -> datetime:
        return last + timedelta(seconds=self.seconds)


@dataclass(frozen=True)
class Cron:
    """`days` and `weekdays` are None where the field is `*`; Monday is weekday 1, Sunday 0."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int] | None
    months: frozenset[int]
    weekdays: frozenset[int] | None

    def next_after(self, last: datetime) -> datetime:
        """The first time of the expression after `last`. Raises InputError for a day that never comes, such as the 30th of February."""
        first = last.astimezone(timezone.utc).replace(second=0, microsecond=0) + timedelta(minutes=1)
        for day in range(_LONGEST_SEARCH_DAYS):
            date = (first + timedelta(days=day)).date()
            if date.month not in self.months or not self._is_day(date.day, date.isoweekday() % 7):
                continue
            for hour in sorted(self.hours):
                for minute in sorted(self.minutes):
                    time = datetime(date.year, date.month, date.day, hour, minute, tzinfo=timezone.utc)
                    if time >= first:
                        return time
        raise InputError("The schedule names a day that never comes.", _HINT)

    def _is_day(self, day: int, weekday: int) -> bool:
        if self.days is None or self.weekdays is None:
            return (self.days is None or day in self.days) and (self.weekdays is None or weekday in self.weekdays)
        return day in self.days or weekday in self.weekdays


Schedule = Interval | Cron


def parse_schedule(text: str) -> Schedule:
    """Raises InputError for text that is neither an interval nor a cron expression."""
    words = text.split()
    if len(words) == 1 and (match := _INTERVAL.fullmatch(words[0])):
        seconds = float(match[1]) * _UNITS[match[2]]
        if seconds < _SHORTEST_S:
            raise InputError(f"The schedule `{text}` is shorter than a second.", _HINT)
        return Interval(seconds)
    if len(words) != len(_FIELDS):
        raise InputError(f"The schedule `{text}` is neither an interval nor cron's five fields.", _HINT)
    minutes, hours, days, months, weekdays = (_values(word, *field) for word, field in zip(words, _FIELDS, strict=True))
    cron = Cron(
        minutes,
        hours,
        None if words[2] == "*" else days,
        months,
        None if words[4] == "*" else frozenset(value % 7 for value in weekdays),
    )
    cron.next_after(datetime(2000, 1, 1, tzinfo=timezone.utc))
    return cron


def _values(word: str, name: str, low: int, high: int) -> frozenset[int]:
    values: set[int] = set()
    for item in word.split(","):
        match = re.fullmatch(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?", item)
        if match is None or (match[3] is not None and not int(match[3])):
            raise InputError(f"`{item}` is not a {name} of a schedule.", _HINT)
        first = low if match[1] is None else int(match[1])
        last = int(match[2]) if match[2] else high if match[1] is None or match[3] else first
        if not low <= first <= last <= high:
            raise InputError(f"`{item}` is not a {name} of a schedule: {low} to {high}.", _HINT)
        values |= set(range(first, last + 1, int(match[3] or 1)))
    return frozenset(values)
