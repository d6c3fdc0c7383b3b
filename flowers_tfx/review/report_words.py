"""Sentences on the verdict and the two sides of a review, for the page and the Markdown form."""

from __future__ import annotations

from collections.abc import Mapping

from flowers_tfx.reports.rendering import NONE, count
from flowers_tfx.reports.words import clean
from flowers_tfx.validation.review import Level, Review


def is_compared(review: Review) -> bool:
    return review.compared_with.get("kind") in ("serving", "span")


def headline(review: Review) -> str:
    if review.verdict == "blocked":
        return "Blocked: a reviewer must decide"
    if review.verdict == "warn":
        return "Warning: worth a look, nothing is blocked"
    if review.of_level("warn", "error"):
        return "Pass: reviewers accepted all findings"
    if not is_compared(review):
        return "Pass: no findings, and no baseline to compare with"
    return "Pass: no drift from the baseline"


def reason(review: Review) -> str:
    if review.verdict == "pass":
        accepted = sum(finding.accepted for finding in review.of_level("warn", "error"))
        return f"Reviewers accepted {count(accepted, 'finding')}." if accepted else "No finding is large enough to warn or to stop."
    level: Level = "error" if review.verdict == "blocked" else "warn"
    still_open = [finding for finding in review.of_level(level) if not finding.accepted]
    # Findings that are visible in the photos go first: they are easier to understand than those on all properties together.
    first = max(still_open, key=lambda finding: (finding.spec.visible, finding.effect or 0.0))
    effect = "stop" if level == "error" else "warn"
    others = len(still_open) - 1
    more = f" {count(others, 'more finding')} {effect}{'s' if others == 1 else ''}." if others else ""
    return f"{effect.title()}s: {clean(first.message, 400)}{more}"


def baseline_name(review: Review) -> str:
    baseline = review.compared_with
    if baseline.get("kind") == "serving":
        version = baseline.get("version")
        return f"the data of the serving model, version {version}" if version not in (None, "") else "the data of the serving model"
    return str(baseline.get("name") or "the previous span") if baseline.get("kind") == "span" else "no baseline"


def subject(review: Review, title: str) -> str:
    spans = [str(span.get("span", NONE)) if isinstance(span, Mapping) else str(span) for span in review.new.get("spans") or ()]
    if spans:
        return f"span{'s' if len(spans) > 1 else ''} {', '.join(spans)}"
    return str(title or review.new.get("name") or "new photos")
