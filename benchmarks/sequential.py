"""Hourly reviews over weeks: are there at most as many false alarms as promised, and how much later is a planted drift found?

    python benchmarks/sequential.py [--photos DIR] [--weights FILE] [--cache DIR] [--weeks 4] [--quiet 8] [--rows FILE] [--seconds 280]

Every hour 20 of the real photos are served (drawn with replacement), and the last 60 are reviewed: windows overlap by two thirds, and one
baseline of 300 photos serves a week; each week has a baseline of its own, and the budget is that of a sequence that goes on. Tested are
properties and class shares, without embeddings. Every review is judged twice: at the fixed level of 0.01, and at the level that the budget
of false alarms leaves (`error_budget`). Then drift is planted: bright photos become more frequent, by 0.5 to 1.5 times the effect that one
review at the fixed level finds 9 times out of 10; counted are the reviews from the first drifted photo to the first alarm, at most 60. Rows
are appended to --rows, and the next call goes on where they end.
"""

from __future__ import annotations

from real_photos import are_there, photo_options  # isort: split

import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from drift_pairs import measured_table
from power_changes import kolmogorov_smirnov, renamed, weights_with
from scipy import stats

from flowers_tfx.validation import Policy, compare
from flowers_tfx.validation.error_budget import ErrorBudget
from flowers_tfx.validation.sequential import review_at_level

BASELINE, AN_HOUR, WINDOW_H, MOST_REVIEWS = 300, 20, 3, 60
HOURS_OF_WEEK = 7 * 24
POLICY = Policy()


def alarms(old: pd.DataFrame, new: pd.DataFrame, level: float, seed: int) -> tuple[bool, bool]:
    """Whether the review alarms at the fixed level, and at `level`."""
    first = compare(old, new, POLICY, seed=seed)
    fixed = any(finding.p_value is not None and finding.level != "note" for finding in first.findings)
    if not fixed:
        return False, False
    held = review_at_level(lambda policy: first if policy is POLICY else compare(old, new, policy, seed=seed), POLICY, level)
    return True, any(finding.p_value is not None and finding.level != "note" for finding in held.findings)


class Stream:
    """Photos that are served: `hour` gives those that are served in it; `window` those of the last hours."""

    def __init__(self, population: pd.DataFrame, seed: int) -> None:
        self.population, self.random, self.weights = population, np.random.default_rng(seed), None
        self.baseline = renamed(self._draw(BASELINE))
        self.hours = [self._draw(AN_HOUR) for _ in range(WINDOW_H - 1)]

    def window(self, weights: Any = None) -> pd.DataFrame:
        self.hours = [*self.hours, self._draw(AN_HOUR, weights)][-WINDOW_H:]
        return renamed(pd.concat(self.hours))

    def _draw(self, count: int, weights: Any = None) -> pd.DataFrame:
        return self.population.iloc[self.random.choice(len(self.population), count, p=weights)]


def old_budget(weeks: float) -> ErrorBudget:
    """That of a sequence of hourly reviews that has been going on for a while, at the time 0."""
    return ErrorBudget(weeks, POLICY.alpha, available=0.0, when=0.0)


def quiet_weeks(population: pd.DataFrame, count: int, weeks: float, done: set[int]) -> Iterator[dict[str, Any]]:
    for week in range(count):
        if week in done:
            continue
        stream, budget, counts = Stream(population, week), old_budget(weeks), [0, 0]
        for hour in range(HOURS_OF_WEEK):
            now = (hour + 1) * 3600.0
            level, budget = budget.level(now), budget.spend(now)
            fixed, held = alarms(stream.baseline, stream.window(), level, hour)
            counts[0], counts[1] = counts[0] + fixed, counts[1] + held
        yield {"week": week, "reviews": HOURS_OF_WEEK, "fixed": counts[0], "held": counts[1]}


def drifts(population: pd.DataFrame, weeks: float, repeats: int, done: set[tuple[float, int]]) -> Iterator[dict[str, Any]]:
    values = population.mean_luma.to_numpy(np.float64)
    ranks = stats.rankdata(values) / len(values)
    quiet = Stream(population, 10_000)
    stated = compare(quiet.baseline, quiet.window(), POLICY, with_power=True).power["mean_luma"] or 0.0
    budget = old_budget(weeks)
    for number in range(repeats):
        for factor in (0.5, 0.75, 1.0, 1.5):
            if (factor, number) in done:
                continue
            weights = weights_with(factor * stated, ranks, lambda tilted: kolmogorov_smirnov(values, tilted), 200.0)
            stream, first = Stream(population, 20_000 + number), {"fixed": MOST_REVIEWS, "held": MOST_REVIEWS}
            for review in range(1, MOST_REVIEWS + 1):
                found = alarms(stream.baseline, stream.window(weights), budget.level(3600.0), review)
                first = {name: min(at, review) if hit else at for (name, at), hit in zip(first.items(), found, strict=True)}
                if found[1]:
                    break
            yield {"factor": factor, "points": factor * stated, "number": number, **first}


def report(rows: list[dict[str, Any]], weeks: float) -> None:
    quiet, drifted = [row for row in rows if "week" in row], [row for row in rows if "factor" in row]
    reviews = sum(row["reviews"] for row in quiet)
    if quiet:
        periods = reviews / (weeks * 7 * 24)
        print(
            f"{len(quiet)} weeks without drift, {reviews} reviews; promised: at most {periods:.1f} false alarms ({weeks:g} weeks for one)"
        )
        for name in ("fixed", "held"):
            total = sum(row[name] for row in quiet)
            print(f"  {name:6} {total:4} reviews that alarm; by week {[row[name] for row in quiet]}")
    print("reviews from the first drifted photo to the alarm: median, and share found within 24")
    for factor in sorted({row["factor"] for row in drifted}):
        own = [row for row in drifted if row["factor"] == factor]
        cells = [
            f"{name} {statistics.median(row[name] for row in own):g}, {100 * statistics.fmean(row[name] <= 24 for row in own):.0f} %"
            for name in ("fixed", "held")
        ]
        print(f"  {factor:4} x, {own[0]['points']:.1f} points, {len(own)} repeats: " + "; ".join(cells))


def main() -> None:
    parser = photo_options(__doc__)
    parser.add_argument("--cache", type=Path, help="folder of the measured table, as that of drift.py; default: a temporary one")
    parser.add_argument("--weeks", type=float, default=POLICY.false_alarm_weeks)
    parser.add_argument("--quiet", type=int, default=8, help="weeks without drift")
    parser.add_argument("--repeats", type=int, default=12)
    parser.add_argument("--rows", type=Path, help="JSON lines that this call continues")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="ends after so long; call it again with the same --rows")
    args = parser.parse_args()
    if not are_there(args.photos, args.weights):
        return
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        cache = (args.cache or Path(temporary)).absolute()
        cache.mkdir(parents=True, exist_ok=True)
        population = measured_table(cache, args.photos, args.weights, "plain").drop(columns="embedding")
        file = args.rows or Path(temporary) / "rows"
        rows = [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
        quiet, shifts = ({row["week"] for row in rows if "week" in row}, {(r["factor"], r["number"]) for r in rows if "factor" in r})
        with file.open("a") as out:
            for some in (quiet_weeks(population, args.quiet, args.weeks, quiet), drifts(population, args.weeks, args.repeats, shifts)):
                for row in some:
                    rows.append(row)
                    print(json.dumps(row), file=out, flush=True)
                    if time.monotonic() - began > args.seconds:
                        report(rows, args.weeks)
                        return
    report(rows, args.weeks)


if __name__ == "__main__":
    main()
