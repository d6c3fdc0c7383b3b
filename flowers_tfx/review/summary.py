"""The first screen of a review, as sentences: what changed, in which photos, what it costs, what was checked. The page and the
Markdown form show the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flowers_tfx import features
from flowers_tfx.reports.words import clean
from flowers_tfx.review.causes import Cause, causes
from flowers_tfx.review.harm_words import harm_lines
from flowers_tfx.review.power_words import power_sentence, promise_sentence
from flowers_tfx.review.report_words import counts_by_level, verdict_label, verdict_sentence
from flowers_tfx.texts import Texts
from flowers_tfx.validation.feature_scores import ERROR_AT
from flowers_tfx.validation.review import Finding, Review
from flowers_tfx.validation.subjects import ALL_PROPERTIES

_MOST_EVIDENCE = 3


@dataclass(frozen=True)
class Summary:
    """`label`: the verdict in a word; `story`: what the difference is, `without`: the verdict of the other photos; `evidence`: the findings
    that show it best; `checks`, `checked`, `power`, `promise`: what was counted, tested, would have been found, and how often a
    sequence of reviews without drift warns. Empty where there is nothing to say."""

    label: str
    sentence: str
    story: str
    without: str
    cause: Cause | None
    evidence: tuple[Finding, ...]
    harm: tuple[str, ...]
    checks: tuple[str, ...]
    checked: tuple[str, ...]
    power: str
    promise: str
    counts: str


def summarize(review: Review, texts: Texts, rejects: int, doubtful: int) -> Summary:
    """`rejects`: unreadable lines of the delivery; `doubtful`: shown photos whose label should be checked."""
    found = causes(review)
    cause = found[0] if found and found[0].level != "note" else None
    evidence = tuple(finding for finding in cause.findings if finding.spec.one_property)[:_MOST_EVIDENCE] if cause else ()
    return Summary(
        verdict_label(review, texts),
        verdict_sentence(review, texts),
        _story(review, cause, texts),
        _without(review, cause, texts),
        cause,
        evidence,
        tuple(harm_lines(review, cause.group if cause else None, texts)),
        tuple(_checks(review, texts, rejects, doubtful)),
        tuple(_checked(review, texts)),
        power_sentence(review.power, texts),
        promise_sentence(review.sequential, texts),
        counts_by_level(review, texts),
    )


def message(finding: Finding, texts: Texts) -> str:
    """In the language of the texts, as far as the finding has facts."""
    return with_arrows(clean(texts.message(finding.facts, finding.message), 400))


def with_arrows(text: str) -> str:
    """As pages write it: messages in JSON and on the command line are ASCII."""
    return text.replace(" -> ", " \N{RIGHTWARDS ARROW} ")


def group_words(group: Mapping[str, Any], texts: Texts) -> str:
    """What the photos of a group have in common: in words of the review, or from its conditions in another language than English."""
    words = str(group.get("words") or "").partition(": ")
    described = words[2] or words[0]
    if texts.language == "en":
        return clean(described, 200)
    conditions = [_condition(condition, texts) for condition in group.get("conditions") or ()]
    return clean(", ".join(conditions) or texts("group.alike"), 200)


def _condition(condition: Mapping[str, Any], texts: Texts) -> str:
    feature, low, high = condition["feature"], condition.get("low"), condition.get("high")
    if "value" in condition:
        return texts("condition.value", feature=feature, value=condition["value"])
    if low == high:
        return texts("condition.equal", feature=feature, low=low)
    kind = "range" if low is not None and high is not None else "from" if high is None else "to"
    return texts(f"condition.{kind}", feature=feature, low=low, high=high)


def _story(review: Review, cause: Cause | None, texts: Texts) -> str:
    if cause is None:
        return ""
    if cause.group is not None:
        photos, all_photos = len(cause.group["photos"]), review.new.get("photos") or 0
        share = 100 * photos / all_photos if all_photos else None
        return texts("summary.group", count=photos, share=share, words=group_words(cause.group, texts))
    if review.story and texts.language == "en":
        return clean(review.story, 400)
    # What people see in the photos goes first: it is easier to understand than what is on all properties together.
    first = max(cause.findings, key=lambda finding: (finding.level == cause.level, finding.spec.visible, finding.effect or 0.0))
    return message(first, texts)


def _without(review: Review, cause: Cause | None, texts: Texts) -> str:
    verdict = cause.group.get("verdict_without") if cause and cause.group else None
    # The verdict without a further group is that without those before it, too.
    if cause is None or cause.group is None or not verdict or cause.group is not review.groups[0]:
        return ""
    rest = (review.new.get("photos") or 0) - len(cause.group["photos"])
    return (
        texts("summary.without_pass", count=rest)
        if verdict == "pass"
        else texts("summary.without", verdict=texts(f"badge.{verdict}"), count=rest)
    )


def _checks(review: Review, texts: Texts, rejects: int, doubtful: int) -> Iterator[str]:
    labels = [finding for finding in review.findings if finding.kind in ("label", "conflict")]
    if review.new.get("labelled", True):
        yield texts("check.labels", count=len(labels)) if labels else texts("check.labels_none")
    if doubtful:
        yield texts("check.doubtful", count=doubtful)
    yield texts("check.rejects", count=rejects)
    copies = sum(int(finding.statistic or 0) for finding in review.findings if finding.kind == "duplicate")
    yield texts("check.copies", count=copies)


def _checked(review: Review, texts: Texts) -> Iterator[str]:
    """What was compared, and what was not, with the reason."""
    if not review.is_compared:
        yield texts("checked.not_compared")
        return
    scores = review.scores
    properties = sum(ERROR_AT in scores.get(prop.name, {}) for prop in features.PROPERTIES if prop.tested)
    parts = [texts("checked.properties", count=properties)] if properties else []
    parts += [texts("checked.labels")] if "p_value" in scores.get(features.LABEL, {}) else []
    parts += [texts("checked.copies")]
    parts += [texts("checked.content")] if "p_value" in scores.get(features.EMBEDDING, {}) else []
    yield texts("checked.all", names=parts)
    for finding in review.findings:
        if finding.facts.get("text") in _NOT_COMPARED:
            yield message(finding, texts)
    if properties and ALL_PROPERTIES not in scores:
        yield texts("checked.not_joint")


_NOT_COMPARED = ("own_features", "labels_not_compared", "other_network", "no_content_in_one", "no_content", "many_embeddings_missing")
