"""How much of a promised error rate each of many reviews may spend: at most one false alarm is expected in so many weeks.

A review at level p alarms without drift with probability p or less, so the expected number of false alarms is at most the sum of the
levels, however the reviews depend on each other: windows that overlap, one baseline for all (the per-family error rate of Spjotvoll 1972,
spent over time as Lan and DeMets 1983 do). The levels follow from the times of the reviews alone. Budget grows with time and does not pile
up beyond BURST, so that a long silence does not buy a careless week (the decaying memory of Ramdas, Yang, Wainwright and Jordan 2017).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

WEEK_S = 7 * 86_400
# Share of the promise that reviews in quick succession may spend: 20 of them at a level of 0.01.
BURST = 0.2
# Draws of a permutation test that one level needs, as ReviewConfig demands, and the most draws that a review makes to reach its level.
DRAWS_OF_LEVEL = 15
MOST_DRAWS = 20_000
LEAST_LEVEL = DRAWS_OF_LEVEL / MOST_DRAWS


@dataclass(frozen=True)
class ErrorBudget:
    """`weeks`: in so many at most one false alarm is expected. `alpha`: the most that one review spends. `available`: what can be spent at
    `when`, the time of the last review (seconds since the epoch; None before the first)."""

    weeks: float
    alpha: float
    available: float = BURST
    when: float | None = None

    def level(self, now: float) -> float:
        """The level of a review at this time; 0 while less is there than a test can make use of."""
        level = min(self.alpha, self._grown(now))
        return level if level >= min(LEAST_LEVEL, self.alpha) else 0.0

    def spend(self, now: float) -> ErrorBudget:
        """The budget after a review at this time. An earlier time than the last one, since the clock was set back, adds nothing; the budget
        grows from it on, or a clock that was wrong once would silence all reviews until then."""
        return replace(self, available=self._grown(now) - self.level(now), when=now)

    def _grown(self, now: float) -> float:
        passed = 0.0 if self.when is None else max(0.0, now - self.when)
        return min(BURST, self.available + (1 - BURST) * passed / (self.weeks * WEEK_S))
