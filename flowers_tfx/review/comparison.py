"""One comparison of new photos with a baseline: the review, and both sides of it, which its page is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from flowers_tfx.review.galleries import photos_on_page
from flowers_tfx.review.harm import with_harm
from flowers_tfx.review.photo_groups import with_groups
from flowers_tfx.review.serving_model import ServingModel
from flowers_tfx.review.sides import Side
from flowers_tfx.review.thumbnails import make_thumbnails
from flowers_tfx.validation import Policy, Review, compare, inspect
from flowers_tfx.validation.model_answers import ModelAnswers


@dataclass(frozen=True)
class Comparison:
    """`baseline` has no rows if nothing was compared. `earlier`: all earlier photos, if the baseline is only a sample of them. `answers` of
    the serving model to the new photos, if it was asked."""

    review: Review
    baseline: Side
    new: Side
    earlier: Side | None = None
    answers: ModelAnswers | None = None

    def thumbnails(self, known: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
        """Digest to thumbnail of the photos that the page shows, as far as they can be read; those in `known` are not made again."""
        sides = [side for side in (self.baseline, self.new, self.earlier) if side is not None]
        return make_thumbnails(sides, photos_on_page(self.review, self.baseline.rows, self.new.rows), known)


def compare_sides(
    baseline: Side | None,
    new: Side,
    policy: Policy,
    *,
    seed: int = 0,
    earlier: Side | None = None,
    with_tfdv: bool = False,
    model: ServingModel | None = None,
    explained: bool = True,
) -> Comparison:
    """The review of `new` against `baseline`, or of `new` alone. Duplicates are searched in `earlier`, if given, instead of the baseline.
    It has TFDV's distances `with_tfdv`, what the new photos cost the `model`, and groups, story and power if it is `explained`."""
    if baseline is None:
        return _inspect(new, policy, model, seed)
    if baseline.network and new.network and baseline.network != new.network:
        baseline = baseline.without_embeddings()
    unmeasured = _unmeasured(baseline, new)

    def review_rows(rows: pd.DataFrame, with_power: bool = False) -> Review:
        review = compare(
            baseline.rows,
            rows,
            policy,
            seed=seed,
            delivery=new.delivery,
            earlier=earlier.rows if earlier else None,
            compared_with=baseline.as_baseline or {"kind": "span", "name": baseline.name},
            subject=_subject(new),
            unmeasured=unmeasured,
            labelled=new.labelled,
            with_power=with_power,
        )
        return _copies_as_notes(review) if new.may_repeat else review

    review, answers = with_harm(review_rows(new.rows, with_power=explained), new, model, policy, seed)
    if explained:
        # Groups explain the drift alone: leaving photos out does not ask the model again.
        review = with_groups(review, (baseline, new, earlier), review_rows, policy, unmeasured=unmeasured, answers=answers, seed=seed)
    return Comparison(_with_tfdv(review, baseline, new) if with_tfdv else review, baseline, new, earlier, answers)


def _copies_as_notes(review: Review) -> Review:
    """People send the same photo again, and photos of one flower one after the other: no reason for an alarm, and no group of photos."""
    findings = tuple(replace(one, level="note") if one.spec.name == "duplicate" else one for one in review.findings)
    return replace(review, findings=findings)


def _with_tfdv(review: Review, baseline: Side, new: Side) -> Review:
    from flowers_tfx.review.tfdv_distances import tfdv_distances  # loads TFDV, which the command line does not need

    return review.with_scores(tfdv_distances(baseline.rows, new.rows))


def _inspect(new: Side, policy: Policy, model: ServingModel | None, seed: int) -> Comparison:
    alone = inspect(new.rows, policy, delivery=new.delivery, subject=_subject(new), unmeasured=new.unmeasured, labelled=new.labelled)
    review, answers = with_harm(alone, new, model, policy, seed)
    return Comparison(review, Side("", new.rows.iloc[:0]), new, answers=answers)


def _subject(new: Side) -> Mapping[str, Any]:
    return new.as_new or {"name": new.name}


def _unmeasured(*sides: Side) -> dict[str, str]:
    """Image properties that were not measured for some photos of either side, and where."""
    where: dict[str, list[str]] = {}
    for side in sides:
        for name, place in side.unmeasured.items():
            where.setdefault(name, []).append(place)
    return {name: ", ".join(dict.fromkeys(places)) for name, places in where.items()}
