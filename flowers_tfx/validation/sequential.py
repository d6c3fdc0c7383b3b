"""A sequence of reviews: the level of the next one, and what is remembered of those before.

The promise is kept over time, not by each review: at most one false alarm is expected in so many weeks (`error_budget`). Everything here
is a function of its arguments; `flowers_tfx.review.review_sequence` stores the state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import ceil
from typing import Any

from scipy import stats

from flowers_tfx.finding_kinds import KINDS
from flowers_tfx.texts.finding_messages import MESSAGES
from flowers_tfx.texts.templates import with_also
from flowers_tfx.validation.error_budget import DRAWS_OF_LEVEL, ErrorBudget
from flowers_tfx.validation.policy import Policy
from flowers_tfx.validation.power.hypothetical import FOUND
from flowers_tfx.validation.review import Finding, Review, Verdict, number

# Reviews that are remembered: three weeks of hourly ones.
REMEMBERED = 500
TESTED = tuple(spec.key for spec in KINDS if spec.evidence == "tested")
# So many independent scores ask for as much as the tests of a review do: 3.9 standard deviations at 0.01.
_SCORES = 100
# The scores that tell how far the new photos are from the baseline, 0 to 1 or in points, in order of preference.
_DISTANCES = (("kolmogorov_smirnov", 100.0), ("total_variation", 100.0), ("separation_points", 1.0))


@dataclass(frozen=True)
class PastReview:
    """`when` in ISO 8601; `baseline`: digest of what was compared with; `points`: feature to distance from the baseline, 0 to 100;
    `medians` of the new photos. Both are empty, and `verdict` is null, for a review that was begun and did not end."""

    when: str
    level: float
    baseline: str | None = None
    verdict: Verdict | None = None
    photos: int = 0
    points: Mapping[str, float | None] = field(default_factory=dict)
    medians: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class ReviewSequence:
    """`available`, `last`: what is left of the error budget and when it was last spent; `count`: all reviews so far, of which `reviews`
    are the newest REMEMBERED, oldest first."""

    available: float | None = None
    last: float | None = None
    count: int = 0
    reviews: tuple[PastReview, ...] = ()

    def budget(self, weeks: float, alpha: float) -> ErrorBudget:
        fresh = ErrorBudget(weeks, alpha)
        return fresh if self.available is None else replace(fresh, available=self.available, when=self.last)

    def begin(self, when: str, now: float, weeks: float, alpha: float) -> ReviewSequence:
        """The sequence with one more review, the last one, whose level is spent. Store it before the review begins, so that a killed one
        cannot spend it again."""
        budget = self.budget(weeks, alpha)
        spent = budget.spend(now)
        reviews = (*self.reviews, PastReview(when, budget.level(now)))[-REMEMBERED:]
        return replace(self, available=spent.available, last=spent.when, count=self.count + 1, reviews=reviews)

    def end(self, when: str, review: Review) -> ReviewSequence:
        """The sequence with the result of the review that began at `when`; as it is if that was forgotten in the meantime."""
        reviews = [_with_result(past, review) if past.when == when and past.verdict is None else past for past in self.reviews]
        return replace(self, reviews=tuple(reviews))

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "reviews": [asdict(past) for past in self.reviews]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ReviewSequence:
        return cls(**{**value, "reviews": tuple(PastReview(**past) for past in value["reviews"])})


def review_at_level(run: Callable[[Policy], Review], policy: Policy, level: float) -> Review:
    """The review that `run` makes, with every tested finding that is not significant at `level` as a note, and the power of that level.

    The usual number of draws cannot tell such small levels apart. So `run` is called again with more draws, but only if the first review
    alarms: an alarm needs both, so this spends `level` at most.
    """
    review = run(policy)
    if level >= policy.alpha:
        return review
    review = replace(review, power={name: _effect_at(effect, policy.alpha, level) for name, effect in review.power.items()})
    if not any(_is_alarm(finding) for finding in review.findings):
        return review
    significant = _alarms_at(run, policy, level) if level else {}
    return replace(review, findings=tuple(significant.get(finding.id) or _as_note(finding, level) for finding in review.findings))


def trend(reviews: Sequence[PastReview]) -> dict[str, list[float | None]]:
    """Feature to its distance from the baseline, in points, in each of these reviews that ended; None where it was not measured."""
    ended = [past for past in reviews if past.verdict is not None]
    names = dict.fromkeys(name for past in ended for name in past.points)
    return {name: [past.points.get(name) for past in ended] for name in names}


def distance_points(scores: Mapping[str, float | None]) -> float | None:
    """How far the new photos are from the baseline by one feature, in points, from its scores; None without such a score."""
    return next((factor * value for name, factor in _DISTANCES if (value := scores.get(name)) is not None), None)


def _with_result(past: PastReview, review: Review) -> PastReview:
    points = {name: number(distance_points(scores)) for name, scores in review.scores.items()}
    medians = {name: number(scores["new_median"]) for name, scores in review.scores.items() if "new_median" in scores}
    return replace(
        past,
        baseline=review.compared_with.get("digest"),
        verdict=review.verdict,
        photos=int(review.new.get("photos") or 0),
        points={name: value for name, value in points.items() if value is not None},
        medians=medians,
    )


def _alarms_at(run: Callable[[Policy], Review], policy: Policy, level: float) -> dict[str, Finding]:
    """Finding by id."""
    strict = policy.model_copy(update={"alpha": level, "permutations": ceil(DRAWS_OF_LEVEL / level)})
    return {finding.id: finding for finding in run(strict).findings}


def _effect_at(effect: float | None, alpha: float, level: float) -> float | None:
    """The smallest effect that is found 9 times out of 10 at a smaller level, from the one at `alpha`: effects grow as what a score must
    exceed does, among _SCORES independent ones, and 1.28 standard deviations more."""
    if effect is None or not level:
        return None
    at_alpha, at_level = (float(stats.norm.isf(part / 2 / _SCORES) + stats.norm.isf(1 - FOUND)) for part in (alpha, level))
    larger = effect * at_level / at_alpha
    return larger if larger <= 100 else None


def _is_alarm(finding: Finding) -> bool:
    return finding.kind in TESTED and finding.p_value is not None and finding.level != "note"


def _as_note(finding: Finding, level: float) -> Finding:
    if not _is_alarm(finding):
        return finding
    also = {"text": "above_level", "level": level} if level else {"text": "no_level"}
    return replace(finding, level="note", message=f"{finding.message} {MESSAGES.message(also)}", facts=with_also(finding.facts, also))
