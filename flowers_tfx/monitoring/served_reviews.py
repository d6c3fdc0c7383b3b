"""The review of what one version was asked, against the photos that it was trained on: the data review of a run, without labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from flowers_tfx import features
from flowers_tfx.errors import InputError
from flowers_tfx.monitoring.kept_photos import read_kept_photos
from flowers_tfx.monitoring.record_columns import KNOWN, NETWORK, PREDICTED, PROBABILITY, SCORE
from flowers_tfx.monitoring.windows import Window, feedback_accuracy, unknown_share
from flowers_tfx.review.comparison import Comparison, compare_sides
from flowers_tfx.review.harm import with_harm
from flowers_tfx.review.serving_model import ServingModel
from flowers_tfx.review.sides import Side
from flowers_tfx.texts.finding_messages import MESSAGES
from flowers_tfx.validation import Policy, Review
from flowers_tfx.validation.groups import open_findings
from flowers_tfx.validation.model_answers import ModelAnswers

# Calls the comparison, at the error rate that the reviews before leave for it.
ReviewRunner = Callable[[Callable[[Policy], Review]], Review]
_COLUMNS = (features.URI, features.DIGEST, *features.PROPERTY_NAMES, features.EMBEDDING)


@dataclass(frozen=True)
class ServedReview:
    """`served`: what the JSON of the review says besides: answers, photos, clients, the share `unknown`."""

    window: Window
    comparison: Comparison
    served: Mapping[str, Any]

    @property
    def review(self) -> Review:
        return self.comparison.review

    def as_json(self) -> dict[str, Any]:
        return {**self.review.as_json(), "served": dict(self.served)}


def review_window(
    window: Window, photos: pd.DataFrame, old: Side, model: ServingModel, policy: Policy, records: str, run: ReviewRunner
) -> ServedReview:
    """`photos`: those of the window that are compared; `old`: the photos that the version, `model`, was trained on; `records`: the folder
    of the records, where the photos that were kept are, for the report; `run` calls the comparison with a policy."""
    new = _side(window, photos, records)
    own_features = bool(old.network and new.network) and old.network != new.network
    if old.network != new.network:
        # Neither side has embeddings then: a note, not a warning in each review of a version that was fine-tuned.
        old, new = old.without_embeddings(), new.without_embeddings()
    # A second comparison, with more draws, only says which findings of the first are significant: it is not explained.
    review = run(lambda chosen: compare_sides(old, new, chosen, explained=chosen == policy).review)
    review = _without_closed_story(review)
    review = _with_reason(review, window.version) if own_features else review
    review = _with_accuracy(review, replace(new, answers=_answers(photos, model)), photos, model, policy)
    return ServedReview(window, Comparison(review, old, new), _served(window, photos))


def check_size(window: Window, photos: pd.DataFrame, fewest: int) -> None:
    """Raises InputError for fewer photos than a review needs."""
    if len(photos) < fewest:
        measured = f"Of the answers of version {window.version} in this window {len(photos)} different photos were measured"
        raise InputError(
            f"{measured}; a review needs {fewest}.",
            "Take a longer window with --hours or --last, or set monitor.smallest_count.",
        )


def _side(window: Window, photos: pd.DataFrame, records: str) -> Side:
    networks = {str(name) for name in photos[NETWORK].dropna()}
    side = Side(
        f"the answers of version {window.version}",
        photos[[name for name in _COLUMNS if name in photos]],
        lambda digests: read_kept_photos(records, digests),
        networks.pop() if len(networks) == 1 else "",
        labelled=False,
        may_repeat=True,
        as_new={
            "name": f"the photos that version {window.version} answered",
            "version": str(window.version),
            "client": window.client,
            "from": window.first,
            "to": window.last,
            "answers": len(window.answers),
        },
    )
    return side if side.network else side.without_embeddings()


def _answers(photos: pd.DataFrame, model: ServingModel) -> ModelAnswers:
    """As the service gave them."""
    return ModelAnswers(
        photos[[features.DIGEST, PREDICTED, PROBABILITY, KNOWN, SCORE]], model.figures.labels if model.figures else (), model.version
    )


def _with_accuracy(review: Review, new: Side, photos: pd.DataFrame, model: ServingModel, policy: Policy) -> Review:
    """The accuracy of the answers: measured where most of the photos have feedback, otherwise estimated. Its finding goes by the error rate
    of this review; without a share of it, it is a note."""
    labelled = replace(new, rows=new.rows.assign(**{features.LABEL: photos[features.LABEL]}))
    level = (review.sequential or {}).get("level") or 0.0
    known = {one.id for one in review.findings}
    review, _ = with_harm(review, labelled, model, policy.model_copy(update={"alpha": level}) if level else policy)
    if level:
        return review
    return replace(review, findings=tuple(one if one.id in known else replace(one, level="note") for one in review.findings))


def _without_closed_story(review: Review) -> Review:
    """What is not significant at the level of this review needs no explanation."""
    return review if open_findings(review) else replace(review, groups=(), story=None)


def _with_reason(review: Review, version: int) -> Review:
    """The note that the content was not compared says why: neither side lacks embeddings."""
    facts = {"text": "own_features", "version": str(version)}
    return replace(
        review,
        findings=tuple(
            replace(one, message=MESSAGES.message(facts), facts=facts) if one.facts.get("text") == "no_content" else one
            for one in review.findings
        ),
    )


def _served(window: Window, photos: pd.DataFrame) -> dict[str, Any]:
    return {
        "version": str(window.version),
        "client": window.client,
        "from": window.first,
        "to": window.last,
        "answers": len(window.answers),
        "different_photos": len(window.distinct),
        "compared_photos": len(photos),
        "unknown": unknown_share(window.answers).as_json(),
        "clients": window.by_client(),
        "client_count": window.client_count,
        "feedback": feedback.as_json() if (feedback := feedback_accuracy(window.answers)) else None,
    }
