"""Photos that resemble one of the spans of the serving model's training data are not drift, even if they do not resemble all of them."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from flowers_tfx import features
from flowers_tfx.finding_kinds import KINDS
from flowers_tfx.texts.finding_messages import MESSAGES
from flowers_tfx.texts.templates import with_also
from flowers_tfx.validation.policy import Policy
from flowers_tfx.validation.review import Finding, Review
from flowers_tfx.validation.table_comparison import compare

MOST_SPANS = 5
FEWEST_PHOTOS = 50
TESTED_KINDS = tuple(spec.key for spec in KINDS if spec.evidence == "tested")


def downgrade_known_drift(review: Review, baseline: pd.DataFrame, new: pd.DataFrame, policy: Policy) -> Review:
    """The review with its tested findings as notes if the new photos show no drift against one of the newest spans of the baseline.

    A baseline of two kinds of photos differs from a delivery of either kind; that is not drift. Counts and schema findings stay; groups and
    the story, which are on drift, do not.
    """
    if review.verdict == "pass" or features.SPAN not in baseline:
        return review
    sizes = baseline[features.SPAN].value_counts()
    large = sorted((int(span) for span in sizes[sizes >= FEWEST_PHOTOS].index), reverse=True)
    if len(sizes) < 2:
        return review
    for span in large[:MOST_SPANS]:
        alone = compare(baseline[baseline[features.SPAN] == span], new, policy)
        if not any(_is_drift(finding) for finding in alone.findings):
            findings = tuple(_downgrade(finding, span) if _is_drift(finding) else finding for finding in review.findings)
            return replace(review, findings=findings, groups=(), story=None)
    return review


def _is_drift(finding: Finding) -> bool:
    return finding.kind in TESTED_KINDS and finding.level != "note"


def _downgrade(finding: Finding, span: int) -> Finding:
    also = {"text": "known_span", "span": span}
    return replace(finding, level="note", message=f"{finding.message} {MESSAGES.message(also)}", facts=with_also(finding.facts, also))
