"""The error rate of many reviews: how much each may spend, and the stored state that holds it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from flowers_tfx.errors import InputError
from flowers_tfx.review.power_words import promise_sentence
from flowers_tfx.review.review_sequence import StoredSequence
from flowers_tfx.storage import BucketPath, StoragePath, bucket_path
from flowers_tfx.validation import Finding, Policy, Review
from flowers_tfx.validation.error_budget import BURST, WEEK_S, ErrorBudget
from flowers_tfx.validation.sequential import PastReview, review_at_level, trend
from tests.unit.buckets import FakeStore

START = datetime(2026, 1, 5, tzinfo=timezone.utc)


def spent_levels(times: np.ndarray, weeks: float, alpha: float = 0.01) -> np.ndarray:
    budget, levels = ErrorBudget(weeks, alpha), []
    for now in times.tolist():
        levels.append(budget.level(now))
        budget = budget.spend(now)
    return np.array(levels)


@pytest.mark.parametrize("weeks", [1.0, 4.0, 26.0])
@pytest.mark.parametrize("spacing_s", [60.0, 3600.0, 86_400.0])
@pytest.mark.parametrize("regular", [True, False])
def test_no_period_spends_more_than_one_false_alarm(weeks: float, spacing_s: float, regular: bool) -> None:
    random = np.random.default_rng(0)
    gaps = np.full(3000, spacing_s) if regular else random.exponential(spacing_s, 3000) * random.choice([0.01, 1, 20], 3000)
    times = np.cumsum(gaps)
    levels = spent_levels(times, weeks)
    total = np.concatenate([[0.0], np.cumsum(levels)])
    spent = total[np.searchsorted(times, times + weeks * WEEK_S)] - total[:-1]
    assert 0 < spent.max() <= 1 + 1e-9
    assert levels.max() <= 0.01


def test_rare_reviews_keep_their_level_and_frequent_ones_share_it() -> None:
    assert spent_levels(np.arange(100) * 86_400.0, 4.0) == pytest.approx(0.01)
    hourly = spent_levels(np.arange(2000) * 3600.0, 4.0)
    assert hourly[: int(BURST / 0.01)] == pytest.approx(0.01)
    assert hourly[100:] == pytest.approx((1 - BURST) / (4 * 7 * 24))


def test_a_clock_that_was_wrong_once_does_not_silence_the_reviews_after_it() -> None:
    """A review a year ahead, then hourly ones at the right time: nothing is gained by it, and the budget grows on."""
    year = 365 * 86_400.0
    levels = spent_levels(np.array([0.0, year, *(np.arange(1, 400) * 3600.0)]), 4.0)
    straight = spent_levels(np.arange(401) * 3600.0, 4.0)
    assert levels[-100:] == pytest.approx(straight[-100:])
    assert levels.sum() <= straight.sum() + BURST


def test_months_of_hourly_reviews_keep_the_promise_with_one_baseline_and_windows_that_overlap() -> None:
    """20 independent measures, tested exactly; windows of three hours of 20 photos against 300 photos that stay the same."""
    random, months, hours, measures = np.random.default_rng(0), 200, 4 * 7 * 24, 20
    levels = spent_levels(np.arange(3 * hours) * 3600.0, 4.0)[-hours:]
    false_alarms = np.zeros((months, 2))
    for month in range(months):
        served = random.normal(0, 1 / np.sqrt(20), (hours + 2, measures))
        windows = (served[2:] + served[1:-1] + served[:-2]) / 3
        scores = (windows - random.normal(0, 1 / np.sqrt(300), measures)) / np.sqrt(1 / 60 + 1 / 300)
        p_values = np.minimum(1.0, measures * 2 * stats.norm.sf(np.abs(scores).max(axis=1)))
        false_alarms[month] = (p_values <= levels).sum(), (p_values <= 0.01).sum()
    held, fixed = false_alarms.mean(axis=0)
    assert held <= 1  # 0.80 are expected
    assert fixed > 4  # 6.7


def reviewed(p_value: float | None, level: str = "warn", kind: str = "property") -> Review:
    finding = Finding(
        f"{kind}:mean_luma", level, kind, "mean_luma", "It is darker.", p_value=p_value, effect=12.0, facts={"text": "outlying"}
    )  # type: ignore[arg-type]
    scores = {"mean_luma": {"kolmogorov_smirnov": 0.12, "new_median": 90.0}, "label": {"total_variation": 0.05}, "format": {}}
    return Review((finding,), scores, {"kind": "serving", "digest": "d"}, {"photos": 40})


def at_alpha(policy: Policy) -> Review:
    """As a real review: without the finding where p = 0.004 is not significant."""
    return reviewed(0.004) if policy.alpha >= 0.004 else replace(reviewed(0.004), findings=())


def test_a_finding_above_the_level_is_a_note_and_says_why() -> None:
    policies: list[Policy] = []

    def run(policy: Policy) -> Review:
        policies.append(policy)
        return at_alpha(policy)

    weak = review_at_level(run, Policy(), 0.001)
    assert weak.verdict == "pass"
    assert weak.findings[0].level == "note" and "share of the error rate" in weak.findings[0].message
    assert weak.findings[0].facts["also"] == {"text": "above_level", "level": 0.001}
    assert [policy.permutations for policy in policies] == [2000, 15_000]
    assert review_at_level(run, Policy(), 0.0).verdict == "pass"
    assert review_at_level(lambda policy: reviewed(0.0001), Policy(), 0.001).verdict == "warn"


def test_counts_and_reviews_without_an_alarm_are_left_as_they_are() -> None:
    calls: list[Policy] = []

    def run(policy: Policy, review: Review) -> Review:
        calls.append(policy)
        return review

    counted, passed = reviewed(None, "error", "duplicate"), reviewed(0.004, "note")
    assert review_at_level(lambda policy: run(policy, counted), Policy(), 0.001) == counted
    assert review_at_level(lambda policy: run(policy, passed), Policy(), 0.001) == passed
    assert len(calls) == 2


def test_a_smaller_level_sees_less() -> None:
    review = replace(reviewed(0.5, "note"), power={"mean_luma": 20.0, "noise": 98.0, "capture_month": None})
    at_level = review_at_level(lambda _: review, Policy(), 0.001)
    assert at_level.power == {
        "mean_luma": pytest.approx(20 * (4.42 + 1.28) / (3.89 + 1.28), rel=0.01),
        "noise": None,
        "capture_month": None,
    }
    assert review_at_level(lambda _: review, Policy(), 0.01) is review
    assert set(review_at_level(lambda _: review, Policy(), 0.0).power.values()) == {None}


@pytest.fixture(params=["disk", "bucket"])
def home(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StoragePath:
    if request.param == "disk":
        return tmp_path / "reviews"
    store = FakeStore()
    monkeypatch.setattr(bucket_path, "open_store", lambda scheme, bucket: store)
    return BucketPath("s3://bucket/reviews")


def in_threads(work: Callable[[int], object], count: int) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_reviews_at_the_same_time_spend_one_budget(home: StoragePath) -> None:
    sequence = StoredSequence(home, "model-7")
    in_threads(lambda number: [sequence.review(lambda _: reviewed(0.5, "note"), Policy(), START) for _ in range(5)], 6)
    state = sequence.read()
    assert state.count == 30
    assert sum(past.level for past in state.reviews) == pytest.approx(BURST)
    assert state.reviews[-1].level == 0


def test_the_state_holds_trend_and_level_of_each_review(home: StoragePath) -> None:
    sequence = StoredSequence(home, "model-7")
    for hour in range(40):
        review = sequence.review(at_alpha, Policy(), START + timedelta(hours=hour))
    assert review.verdict == "pass" and review.sequential == {"weeks": 4.0, "level": pytest.approx(0.8 / 672), "reviews": 40}
    assert Review.from_json(review.as_json()).sequential == review.sequential
    state = sequence.read()
    assert [past.verdict for past in state.reviews[:2]] == ["warn", "warn"]
    assert trend(state.reviews) == {"mean_luma": [12.0] * 40, "label": [5.0] * 40}
    assert promise_sentence(review.sequential) == (
        "At most one false alarm is expected in 4 weeks of reviews. This review may alarm at p = 0.00119 or less."
    )
    assert promise_sentence({"weeks": 1.0, "level": 0.0}).startswith("At most one false alarm is expected in 1 week of reviews. This")
    assert promise_sentence(None) == ""


def test_tests_can_have_a_part_of_the_level(home: StoragePath) -> None:
    sequence = StoredSequence(home, "model-7")
    review = sequence.review(at_alpha, Policy(), START, tests=0.25)
    assert review.verdict == "pass" and review.sequential == {"weeks": 4.0, "level": 0.0025, "reviews": 1}
    assert sequence.read().available == pytest.approx(BURST - 0.01)


def test_a_review_that_did_not_end_has_spent_its_level(home: StoragePath) -> None:
    def killed(policy: Policy) -> Review:
        raise KeyboardInterrupt

    sequence = StoredSequence(home, "model-7")
    with pytest.raises(KeyboardInterrupt):
        sequence.review(killed, Policy(), START)
    state = sequence.read()
    assert state.available == pytest.approx(BURST - 0.01)
    assert state.reviews == (PastReview(START.isoformat(timespec="microseconds"), 0.01),)
    assert trend(state.reviews) == {}


def test_a_file_that_is_not_a_sequence_is_refused(home: StoragePath) -> None:
    sequence = StoredSequence(home, "model-7")
    sequence.review(lambda _: reviewed(0.5, "note"), Policy(), START)
    sequence.file.write_bytes(b'{"reviews": 3}')
    with pytest.raises(InputError, match="is not the state of a sequence"):
        sequence.read()
