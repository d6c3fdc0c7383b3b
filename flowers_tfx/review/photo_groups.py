"""Adds to a review the groups of new photos that make the difference, and its story."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import pandas as pd

from flowers_tfx.features import DIGEST, URI
from flowers_tfx.review.sides import Side
from flowers_tfx.validation import Policy, Review
from flowers_tfx.validation.groups import find_groups
from flowers_tfx.validation.model_answers import ModelAnswers
from flowers_tfx.validation.row_sample import sample_rows


def with_groups(
    review: Review,
    sides: tuple[Side, Side, Side | None],
    review_rows: Callable[[pd.DataFrame], Review],
    policy: Policy,
    *,
    unmeasured: dict[str, str],
    answers: ModelAnswers | None = None,
    seed: int = 0,
) -> Review:
    """`sides`: the baseline, the new photos and all earlier ones, if the baseline is only a sample of them. `review_rows` reviews other new
    photos in the same way. `answers`: the serving model's, for its accuracy on each group."""
    baseline, new, earlier = sides
    if review.verdict == "pass" or not {DIGEST, URI} <= set(new.rows.columns):
        return review
    # Without photos of the sample others would take their place, which have no embeddings: a group is left out of the sample alone.
    tested = new.rows.iloc[sample_rows(new.rows[DIGEST], new.rows[URI], policy.sample, seed)] if len(new.rows) > policy.sample else new.rows

    def check(digests: Collection[str]) -> Review:
        return review_rows(tested[~tested[DIGEST].isin(list(digests))])

    grouped = find_groups(
        baseline.rows,
        new.rows,
        review,
        check,
        earlier=earlier.rows if earlier else None,
        unmeasured=unmeasured,
        labelled=new.labelled,
        answers=answers,
        seed=seed,
    )
    return replace(review, groups=tuple(group.as_json() for group in grouped.groups), story=grouped.story)
