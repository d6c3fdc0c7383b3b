"""When the next review is due."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from flowers_tfx.errors import InputError
from flowers_tfx.monitoring.schedule import parse_schedule


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("schedule", "last", "due"),
    [
        ("30m", "2026-11-28T10:00:07", "2026-11-28T10:30:07"),
        ("1.5h", "2026-11-28T10:00", "2026-11-28T11:30"),
        ("1d", "2026-12-31T10:00", "2027-01-01T10:00"),
        ("15 * * * *", "2026-11-28T10:14:59", "2026-11-28T10:15"),
        ("15 * * * *", "2026-11-28T10:15", "2026-11-28T11:15"),
        ("*/20 6-8 * * *", "2026-11-28T08:41", "2026-11-29T06:00"),
        ("0 6 * * 1", "2026-11-28T10:00", "2026-11-30T06:00"),  # a Saturday, then Monday
        ("0 6 * * 7", "2026-11-28T10:00", "2026-11-29T06:00"),
        ("0 0 1,15 * *", "2026-11-28T10:00", "2026-12-01T00:00"),
        ("0 0 29 2 *", "2026-11-28T10:00", "2028-02-29T00:00"),
        ("0 0 13 * 5", "2026-11-28T10:00", "2026-12-04T00:00"),  # the 13th or a Friday
        ("5/10 0 * * *", "2026-11-28T00:16", "2026-11-28T00:25"),
    ],
)
def test_the_next_time(schedule: str, last: str, due: str) -> None:
    assert parse_schedule(schedule).next_after(utc(last)) == utc(due)


@pytest.mark.parametrize(
    "schedule", ["", "hourly", "0.2s", "1w", "* * * *", "60 * * * *", "0 0 0 * *", "*/0 * * * *", "5-1 * * * *", "0 0 30 2 *"]
)
def test_other_schedules_are_refused(schedule: str) -> None:
    with pytest.raises(InputError, match="schedule"):
        parse_schedule(schedule)
