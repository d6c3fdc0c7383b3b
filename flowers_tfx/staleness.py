"""How old a cached result may be: ISO 8601 durations, and the period that a run lies in, which is part of a node's cache key.

A duration of length D divides time since 1970-01-01T00:00:00Z into periods of length D. A result is a cache hit only in the period in which
it was made, so it is always less than D old. It may expire earlier: a result that is made shortly before a period ends is not used in the
next one.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

_DURATION = re.compile(r"P(?=.)(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?=.)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6})S)?)?")
_CALENDAR = re.compile(r"P\d*(?:\d+[YM])")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def parse_duration(text: str) -> timedelta:
    """An ISO 8601 duration of weeks, days, hours, minutes and seconds, in whole numbers. Raises ValueError for anything else."""
    parts = _DURATION.fullmatch(text)
    if parts is None:
        if _CALENDAR.match(text):
            raise ValueError("must not count years or months, whose lengths differ: write days, such as P30D")
        raise ValueError("must be an ISO 8601 duration, such as P7D, PT12H or P0D")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in parts.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


def is_zero(duration: str) -> bool:
    """Whether results are never taken from the cache."""
    return not parse_duration(duration)


def period(duration: str, now: datetime) -> str:
    """The period that `now` lies in, as an ISO 8601 interval: 2026-11-26T00:00:00Z/P7D. `duration` is not zero."""
    length = parse_duration(duration)
    start = _EPOCH + (now - _EPOCH) // length * length
    return f"{start:%Y-%m-%dT%H:%M:%SZ}/{duration}"


def period_output(duration: str) -> str:
    """The name of the output of SelectInputs that holds the period: period_p7d."""
    return f"period_{duration.lower()}"
