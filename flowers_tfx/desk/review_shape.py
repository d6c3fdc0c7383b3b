"""Whether a stored review has what the pages read. A damaged one, or one of another version of the program, must not hide the others."""

from __future__ import annotations

import math
from typing import Any, get_args

from flowers_tfx.review.stored_reviews import StoredReview
from flowers_tfx.validation.review import Review, Verdict


def is_readable(stored: StoredReview) -> bool:
    try:
        _check(stored)
    except (KeyError, TypeError, ValueError, AttributeError):
        return False
    return True


def _check(stored: StoredReview) -> None:
    """Raises KeyError, TypeError, ValueError or AttributeError for what is missing or of another type."""
    value, review = stored.review, Review.from_json(stored.review)
    if value["verdict"] not in get_args(Verdict):
        raise ValueError("verdict")
    _texts(value["created"], *(example.digest for finding in review.findings for example in finding.examples))
    _texts(*(example.uri for finding in review.findings for example in finding.examples))
    _texts(*(text for finding in review.findings for text in (finding.id, finding.level, finding.feature, finding.message)))
    _texts(*(span["digest"] for span in value.get("new_spans", ())), *(decision["digest"] for decision in review.decisions))
    _numbers(review.new["photos"], *stored.spans)
    for group in review.groups:
        _texts(group["id"], group["words"], *group["photos"])
        _numbers(group.get("accuracy"))
    if review.harm is not None:
        _numbers(review.harm.get("accuracy"), review.harm.get("baseline_accuracy"))
    for suspect in value.get("suspects", ()):
        _texts(*(suspect[name] for name in ("digest", "uri", "label", "suggested")))
    for methods in review.scores.values():
        _numbers(*methods.values())


def _texts(*values: Any) -> None:
    if not all(isinstance(value, str) for value in values):
        raise TypeError("not a text")


def _numbers(*values: Any) -> None:
    """Missing ones are None."""
    if not all(value is None or (isinstance(value, int | float) and math.isfinite(value)) for value in values):
        raise TypeError("not a number")
