"""Findings on the accuracy of the serving model: a warning if the interval of the difference from its own test photos lies below 0, an
error if it lies below the largest drop that the policy allows. An estimate only warns: nobody has seen a wrong answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from flowers_tfx import features
from flowers_tfx.texts.finding_messages import MESSAGES
from flowers_tfx.validation.harm import AnsweredPhotos
from flowers_tfx.validation.model_answers import PREDICTED, PROBABILITY
from flowers_tfx.validation.policy import Policy
from flowers_tfx.validation.review import Example, Finding, Level

KIND, SUBJECT = "performance", "accuracy"
_SHOWN = 8


def performance_findings(harm: Mapping[str, Any], asked: AnsweredPhotos, policy: Policy) -> Iterator[Finding]:
    """From what `measure_harm` measured. Classes only where there are labels: of the photos that were answered with a class, other ones
    are taken for it too."""
    confidence = harm["confidence"]
    text = "worse_estimated" if harm["estimated"] else "worse"
    yield from _finding(harm, f"{KIND}:{SUBJECT}", {"text": text}, confidence, asked, policy)
    if not harm["estimated"]:
        shared = 1 - (1 - confidence) / len(asked.figures.labels)
        for name, part in harm["per_class"].items():
            yield from _finding(part, f"{KIND}:class:{name}", {"text": "worse_class", "name": name}, shared, asked, policy)


def unmeasured_harm(cause: str) -> Finding:
    facts = {"text": "harm_unmeasured", "cause": cause}
    return Finding(f"{KIND}:unmeasured", "note", KIND, SUBJECT, MESSAGES.message(facts), facts=facts)


def _finding(
    part: Mapping[str, Any], identifier: str, facts: Mapping[str, Any], confidence: float, asked: AnsweredPhotos, policy: Policy
) -> Iterator[Finding]:
    if part["difference_interval"] is None or part["difference_interval"][1] >= 0:
        return
    low, high = part["difference_interval"]
    level: Level = "error" if high < -policy.max_drop and not asked.is_estimated else "warn"
    facts = {
        **facts,
        "new": 100 * part["accuracy"],
        "photos": part["photos"],
        "old": 100 * part["baseline_accuracy"],
        "old_photos": part["baseline_photos"],
        "drop": -100 * part["difference"],
        "least": -100 * high,
        "most": -100 * low,
        "confidence": 100 * confidence,
    }
    yield Finding(
        identifier,
        level,
        KIND,
        SUBJECT,
        MESSAGES.message(facts),
        statistic=-100 * high,
        effect=-100 * part["difference"],
        unit="points",
        threshold=100 * policy.max_drop if level == "error" else 0.0,
        examples=tuple(_examples(asked, facts.get("name"))),
        facts=facts,
    )


def _examples(asked: AnsweredPhotos, label: str | None) -> Sequence[Example]:
    """Wrong answers, the most confident first; without labels the least confident answers. The value is the answer."""
    answered = asked.answered
    probabilities = answered[PROBABILITY].to_numpy(np.float64)
    if asked.is_estimated:
        rows = np.argsort(probabilities, kind="stable")
    else:
        wrong = asked.correct == 0
        if label is not None:
            wrong &= (answered[features.LABEL] == label).to_numpy(bool)
        rows = np.flatnonzero(wrong)
        rows = rows[np.argsort(-probabilities[rows], kind="stable")]
    chosen = answered.iloc[rows[:_SHOWN]]
    return [
        Example(_text(row.get(features.URI)), str(row[features.DIGEST]), _text(row.get(features.LABEL)), str(row[PREDICTED]))
        for row in chosen.to_dict("records")
    ]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
