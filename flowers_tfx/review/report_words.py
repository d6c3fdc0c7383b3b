"""Sentences on the verdict and the two sides of a review, for the page and the Markdown form."""

from __future__ import annotations

from collections.abc import Mapping

from flowers_tfx.reports.rendering import NONE
from flowers_tfx.reports.words import clean
from flowers_tfx.review.power_words import is_too_few
from flowers_tfx.texts import Texts
from flowers_tfx.validation.groups.doubtful_labels import FINDING as DOUBTFUL_LABELS
from flowers_tfx.validation.review import Finding, Level, Review

CLASS_LOSS = "performance:class:"  # start of the id of a finding on one class
_FEW_PHOTOS = "few_photos"  # the text of the finding that says so


def is_served(review: Review) -> bool:
    """Whether the photos are those of requests that a model answered (`flowers monitor`), and no delivery."""
    return "answers" in review.new


def _is_of_run(review: Review) -> bool:
    """Whether a run waits for it. A comparison by hand has a name; a table that was compared has no spans either."""
    return review.new.get("spans") is not None and "name" not in review.new


def verdict_label(review: Review, texts: Texts) -> str:
    """The verdict in a word or two."""
    if review.verdict == "pass" and review.of_level("warn", "error"):
        return texts("label.accepted")
    if review.verdict == "blocked" and is_served(review):
        return texts("label.blocked_served")
    if review.verdict != "blocked" and _difference(review) == "clause.too_few":
        return texts("label.too_few")
    return texts(f"label.{review.verdict}")


def verdict_sentence(review: Review, texts: Texts) -> str:
    """What changed, and what that costs the model, in one sentence."""
    clause = _sentence(review, texts)
    rejected = review.decisions[-1] if review.decisions and review.decisions[-1].get("action") == "reject" else None
    if rejected is not None:
        return texts("sentence.rejected", clause=clause)
    if review.verdict == "pass" and review.of_level("warn", "error"):
        return texts("sentence.accepted", clause=clause)
    if review.verdict == "blocked" and not _is_of_run(review):
        return texts("sentence.blocked_served" if is_served(review) else "sentence.blocked_before", clause=clause)
    return texts(f"sentence.{review.verdict}", clause=clause)


def _sentence(review: Review, texts: Texts) -> str:
    difference = _difference(review)
    # So few answers say as little about the model as about the photos, unless it is clearly worse.
    harm = "" if difference == "clause.too_few" and not _is_worse(review) else _harm_clause(review, texts)
    if not harm:
        return texts(difference)
    contradicts = difference == "clause.alike" and _is_worse(review)
    return texts("sentence.alike_worse" if contradicts else "sentence.both", difference=texts(difference), harm=harm)


def _difference(review: Review) -> str:
    """The key of the clause on the photos."""
    severe = [finding for finding in review.of_level("warn", "error") if finding.kind != "performance"]
    # Where the model is worse because labels contradict the photos, the labels are different and not the photos.
    severe = [finding for finding in severe if finding.id != DOUBTFUL_LABELS or not _is_worse(review)]
    few = [finding for finding in severe if finding.facts.get("text") == _FEW_PHOTOS]
    if any(finding.spec.evidence == "tested" for finding in severe):
        return "clause.different"
    if len(severe) > len(few):
        return "clause.faults"
    if not review.is_compared:
        return "clause.not_compared"
    if not review.new.get("photos"):
        return "clause.nothing_new"
    return "clause.too_few" if few or is_too_few(review.power) else "clause.alike"


def _losses(review: Review) -> list[Finding]:
    return [finding for finding in review.of_level("warn", "error") if finding.kind == "performance"]


def _is_worse(review: Review) -> bool:
    """Whether the model is worse on the new photos, beyond chance; also where no finding could warn of it."""
    interval = (review.harm or {}).get("difference_interval")
    return bool(_losses(review)) or bool(interval and interval[1] is not None and interval[1] < 0)


def _harm_clause(review: Review, texts: Texts) -> str:
    """Empty where the accuracy is not known, or cannot be compared with that on the model's own test photos."""
    harm = review.harm or {}
    if harm.get("accuracy") is None or not harm.get("difference_interval"):
        return ""
    estimated = "_estimated" if harm.get("estimated") else ""
    if not _is_worse(review):
        return texts(f"clause.copes{estimated}")
    of_classes = [finding for finding in _losses(review) if finding.id.startswith(CLASS_LOSS)]
    if of_classes and not estimated:
        worst = max(of_classes, key=lambda finding: finding.effect or 0.0)
        return texts("clause.worse_on", loss=worst.effect, label=clean(worst.id.removeprefix(CLASS_LOSS), 60))
    return texts(f"clause.worse{estimated}", loss=100 * (harm["baseline_accuracy"] - harm["accuracy"]))


def counts_by_level(review: Review, texts: Texts) -> str:
    """How many findings there are: "9 errors, 4 warnings, 2 notes"."""
    levels: tuple[Level, ...] = ("error", "warn", "note")
    counts = {level: len(review.of_level(level)) for level in levels}
    words = [texts(f"count.{level}", count=count) for level, count in counts.items() if count]
    return ", ".join(words) or texts("count.none")


def baseline_name(review: Review, texts: Texts) -> str:
    baseline = review.compared_with
    if baseline.get("kind") == "serving":
        version = baseline.get("version")
        return texts("baseline.version", version=version) if version not in (None, "") else texts("baseline.serving")
    if baseline.get("kind") == "span":
        return str(baseline.get("name") or texts("baseline.previous_span"))
    return texts("baseline.none")


def subject(review: Review, title: str, texts: Texts) -> str:
    spans = [str(span.get("span", NONE)) if isinstance(span, Mapping) else str(span) for span in review.new.get("spans") or ()]
    if is_served(review):
        return texts("subject.served", version=review.new.get("version"))
    if spans:
        return texts("subject.spans", count=len(spans), spans=spans)
    return str(title or review.new.get("name") or texts("subject.new"))
