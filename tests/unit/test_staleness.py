from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from flowers_tfx.config import load_config
from flowers_tfx.errors import InputError
from flowers_tfx.staleness import is_zero, parse_duration, period, period_output

NOON = datetime(2026, 11, 28, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("P7D", timedelta(days=7)),
        ("PT12H", timedelta(hours=12)),
        ("P1W", timedelta(days=7)),
        ("P1DT12H30M5S", timedelta(days=1, hours=12, minutes=30, seconds=5)),
        ("P0D", timedelta(0)),
        ("PT0S", timedelta(0)),
    ],
)
def test_iso_8601_durations(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length
    assert is_zero(text) == (not length)


@pytest.mark.parametrize("text", ["", "P", "PT", "P7", "7D", "p7d", "P-7D", "P1.5D", "P7D ", "P1H", "PT7D", "P7DT", "P1000000000D", "week"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be an ISO 8601 duration, such as P7D"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["P1Y", "P1M", "P1Y2M10DT2H30M"])
def test_months_and_years_are_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="whose lengths differ: write days"):
        parse_duration(text)


@pytest.mark.parametrize("duration", ["P7D", "PT12H", "PT7M", "P30D"])
def test_within_a_period_nothing_is_as_old_as_the_duration(duration: str) -> None:
    """The whole guarantee: two moments in one period are less than its length apart."""
    length = parse_duration(duration)
    made = [NOON + length * share for share in (0, 0.3, 0.7, 0.999)]
    for moment in made:
        assert period(duration, moment + length) != period(duration, moment)
        assert period(duration, moment + length * 5) != period(duration, moment)
    start = datetime.fromisoformat(period(duration, NOON).partition("Z/")[0]).replace(tzinfo=timezone.utc)
    assert start <= NOON < start + length
    assert period(duration, start) == period(duration, start + length - timedelta(microseconds=1)) == period(duration, NOON)


def test_a_period_reads_as_an_interval() -> None:
    assert period("P7D", NOON) == "2026-11-26T00:00:00Z/P7D"
    assert period("PT12H", NOON) == "2026-11-28T12:00:00Z/PT12H"
    assert period_output("P1DT12H") == "period_p1dt12h"


def test_a_node_has_its_own_duration_or_that_of_all() -> None:
    caching = load_config(None, ["caching.max_staleness=P7D", "caching.nodes.Trainer=P30D", "caching.nodes.Evaluator=P0D"]).caching
    assert [caching.duration_of(node_id) for node_id in ("Trainer", "Evaluator", "Pusher")] == ["P30D", "P0D", "P7D"]
    assert [caching.is_never_cached(node_id) for node_id in ("Trainer", "Evaluator", "Pusher")] == [False, True, False]
    assert caching.periods() == ["P30D", "P7D"]
    assert load_config().caching.periods() == []
    assert not load_config().caching.is_never_cached("Trainer")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("caching.max_staleness=7 days", r"caching\.max_staleness: must be an ISO 8601 duration"),
        ("caching.max_staleness=P1M", r"caching\.max_staleness: must not count years or months"),
        ("caching.nodes={Trainer: soon}", r"caching\.nodes: the duration 'soon' of Trainer must be an ISO 8601 duration"),
        ("caching.nodes={Trainer: 7}", r"caching\.nodes"),
        ("caching.nodes=P7D", r"caching\.nodes"),
    ],
)
def test_bad_durations_are_one_sentence(setting: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        load_config(None, [setting])
    assert "\n" not in str(refused.value)
