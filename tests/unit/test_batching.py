"""When files that wait become a delivery."""

from __future__ import annotations

import pytest

from flowers_tfx.deliveries.batching import BatchingRules, WaitingFiles, seconds_to_start

RULES = BatchingRules(quiet_s=60, longest_wait_s=600, smallest_count=3)


@pytest.mark.parametrize(
    ("count", "first", "last", "now", "seconds"),
    [
        (3, 1000, 1000, 1000, 60),  # the last file has just arrived
        (3, 1000, 1000, 1059, 1),
        (3, 1000, 1000, 1060, 0),
        (3, 1000, 1000, 5000, 0),  # the watcher was not there when it became quiet
        (50, 1000, 1570, 1580, 20),  # files keep arriving: no longer than the longest wait
        (50, 1000, 1599, 1600, 0),
        (2, 1000, 1000, 1060, 540),  # too few: they wait for more, until the longest wait is over
        (2, 1000, 1000, 1600, 0),
    ],
)
def test_seconds_to_start(count: int, first: float, last: float, now: float, seconds: float) -> None:
    assert seconds_to_start(RULES, WaitingFiles(count, first, last), now) == seconds


def test_a_clock_that_was_set_back_makes_no_file_wait_longer() -> None:
    """The arrivals lie an hour ahead."""
    waiting = WaitingFiles(3, 4600, 4600).not_after(1000)
    assert seconds_to_start(RULES, waiting, 1000) == RULES.quiet_s
    assert seconds_to_start(RULES, waiting, 1060) == 0
    assert WaitingFiles(3, 900, 950).not_after(1000) == WaitingFiles(3, 900, 950)


def test_a_burst_is_one_delivery() -> None:
    """500 files, one a second, in any order: none of them starts a run before the last one has arrived."""
    waiting = WaitingFiles(1, 1000, 1000)
    for second in [*range(400, 500), *range(1, 400)]:
        waiting = waiting.with_arrival(1000 + second)
        assert seconds_to_start(BatchingRules(60, 3600), waiting, 1000 + second) > 0
    assert waiting == WaitingFiles(500, 1000, 1499)
    assert seconds_to_start(BatchingRules(60, 3600), waiting, 1559) == 0


def test_nothing_waits_where_the_rules_are_zero() -> None:
    assert seconds_to_start(BatchingRules(quiet_s=0, longest_wait_s=0), WaitingFiles(1, 7, 7), 7) == 0
