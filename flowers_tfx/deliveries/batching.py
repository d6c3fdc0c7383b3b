"""When files that arrive one after another become one delivery. Pure rules: the caller has the clock."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BatchingRules:
    """A delivery starts when nothing has arrived for `quiet_s` seconds and at least `smallest_count` files wait, and in any case
    `longest_wait_s` seconds after the first of them arrived."""

    quiet_s: float
    longest_wait_s: float
    smallest_count: int = 1


@dataclass(frozen=True)
class WaitingFiles:
    """How many files wait, and when the first and the last of them arrived, in seconds of the caller's clock."""

    count: int
    first: float
    last: float

    def with_arrival(self, time: float) -> WaitingFiles:
        return WaitingFiles(self.count + 1, min(self.first, time), max(self.last, time))

    def not_after(self, now: float) -> WaitingFiles:
        """With times that lie ahead, because a clock was set back or another machine's is ahead, as `now`. Keep the result: asked for again
        and again, the old times would wait until the clock reaches them."""
        return WaitingFiles(self.count, min(self.first, now), min(self.last, now))


def seconds_to_start(rules: BatchingRules, waiting: WaitingFiles, now: float) -> float:
    """How long these files still wait if nothing else arrives; 0.0: the delivery starts now."""
    latest = waiting.first + rules.longest_wait_s
    start = min(waiting.last + rules.quiet_s, latest) if waiting.count >= rules.smallest_count else latest
    return max(0.0, start - now)
