"""The stored state of a sequence of reviews: HOME/sequences/NAME.json, in the folder or bucket where the reviews are.

Several processes may write: each change is one step. The budget of a review is spent before it begins, so that a killed one cannot spend
it twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from flowers_tfx.errors import InputError
from flowers_tfx.storage import StoragePath, update_file
from flowers_tfx.validation import Policy, Review
from flowers_tfx.validation.sequential import ReviewSequence, review_at_level

FOLDER = "sequences"


@dataclass(frozen=True)
class StoredSequence:
    """`home`: a folder on a disk or in a bucket; `name`: one sequence of it, such as a model that is monitored."""

    home: StoragePath
    name: str

    @property
    def file(self) -> StoragePath:
        return self.home / FOLDER / f"{self.name}.json"

    def read(self) -> ReviewSequence:
        """Empty before the first review. Raises InputError for a file that is not a sequence."""
        try:
            return self._parse(self.file.read_bytes())
        except FileNotFoundError:
            return ReviewSequence()

    def review(self, run: Callable[[Policy], Review], policy: Policy, when: datetime | None = None, tests: float = 1.0) -> Review:
        """The review that `run` makes with a policy, at the level that the sequence leaves for this time (by default now); it is added
        to the sequence, and `Review.sequential` says so. `run` is called twice if the first review alarms. `tests`: the part of the level
        that its tests get; the rest is for what the caller asks of the same photos besides."""
        time = when or datetime.now(timezone.utc)
        spent, count = self._begin(time, policy)
        level = tests * spent
        review = review_at_level(run, policy, level)
        review = replace(review, sequential={"weeks": policy.false_alarm_weeks, "level": level, "reviews": count})
        self._rewrite(lambda sequence: sequence.end(_text(time), review))
        return review

    def _begin(self, time: datetime, policy: Policy) -> tuple[float, int]:
        """The level of the review, which is spent now, and its number."""

        def spend(sequence: ReviewSequence) -> ReviewSequence:
            return sequence.begin(_text(time), time.timestamp(), policy.false_alarm_weeks, policy.alpha)

        begun = self._rewrite(spend)
        return begun.reviews[-1].level, begun.count

    def _rewrite(self, change: Callable[[ReviewSequence], ReviewSequence]) -> ReviewSequence:
        changed = ReviewSequence()

        def edit(content: bytes) -> bytes:
            nonlocal changed
            changed = change(self._parse(content))
            return json.dumps(changed.as_json()).encode()

        update_file(self.file, edit)
        return changed

    def _parse(self, content: bytes) -> ReviewSequence:
        if not content:
            return ReviewSequence()
        try:
            return ReviewSequence.from_json(json.loads(content))
        except (ValueError, TypeError, KeyError):
            raise InputError(
                f"{self.file} is not the state of a sequence of reviews.", "Delete it: the next review begins a new sequence."
            ) from None


def _text(time: datetime) -> str:
    return time.astimezone(timezone.utc).isoformat(timespec="microseconds")
