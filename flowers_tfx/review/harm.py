"""Asks the serving model about new photos, and adds to a review what their change costs it."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from flowers_tfx.review.serving_model import ServingModel, Unavailable
from flowers_tfx.review.sides import Side
from flowers_tfx.validation.findings.performance_findings import performance_findings, unmeasured_harm
from flowers_tfx.validation.harm import AnsweredPhotos, measure_harm
from flowers_tfx.validation.model_answers import ModelAnswers
from flowers_tfx.validation.policy import Policy
from flowers_tfx.validation.review import Review


def with_harm(review: Review, new: Side, model: ServingModel | None, policy: Policy, seed: int = 0) -> tuple[Review, ModelAnswers | None]:
    """The review with `harm` and findings on performance, and the answers that they come from. Where these are unavailable, a note in the
    review says why; without a model the review stays as it is."""
    if model is None:
        return review, None
    try:
        answers = model.answers_to(new, policy.sample, seed)
        if model.figures is None:
            raise Unavailable(model.missing)
    except Unavailable as error:
        return review.with_findings([unmeasured_harm(str(error))]), None
    asked = AnsweredPhotos(new.rows, answers, model.figures, policy.alpha)
    if len(asked.answered) and asked.knows_no_label:
        return review.with_findings([unmeasured_harm("it knows none of the classes of the new photos")]), None
    harm = measure_harm(asked)
    if harm is None:
        return review.with_findings([unmeasured_harm("none of the new photos has an answer")]), answers
    digest = hashlib.sha256("\0".join([review.digest, answers.version, str(policy.max_drop)]).encode()).hexdigest()
    return replace(review.with_findings(performance_findings(harm, asked, policy)), harm=harm, digest=digest), answers
