"""The page of a review: one HTML file for reviewers.

Text from outside (labels, URIs, reasons) is cleaned and clipped, so that neither its content nor its length breaks the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from flowers_tfx import features
from flowers_tfx.data.span_states import Waiting
from flowers_tfx.reports.plots import Histogram
from flowers_tfx.reports.rendering import render
from flowers_tfx.reports.words import clean
from flowers_tfx.review.album import Album, FilledGallery
from flowers_tfx.review.causes import causes
from flowers_tfx.review.decision_words import waiting_sentence
from flowers_tfx.review.doubtful_labels import doubtful_labels
from flowers_tfx.review.galleries import Gallery, galleries
from flowers_tfx.review.harm_words import class_rows
from flowers_tfx.review.property_rows import class_shares, histogram, property_rows, trends
from flowers_tfx.review.report_decisions import decision_lines, options
from flowers_tfx.review.report_words import baseline_name, is_served, subject
from flowers_tfx.review.summary import Summary, group_words, message, summarize, with_arrows
from flowers_tfx.review.table_values import PROPERTIES, words
from flowers_tfx.texts import ENGLISH, Texts, texts_of
from flowers_tfx.texts.english.glossary import ORDER as GLOSSARY
from flowers_tfx.texts.templates import capitalized
from flowers_tfx.validation.review import Finding, Review

# Amounts shown; the page says how many more there are.
_MOST = {"causes": 40, "findings": 30, "classes": 50, "decisions": 50, "history": 24, "comparisons": 6, "lines": 50, "names": 400}
_COLUMNS = ("property", "result", "effect", "threshold", "missed", "median", "photos", "distribution", "tfdv")


@dataclass(frozen=True)
class Context:
    """Where the review comes from. `created` in ISO 8601; `rejects`: reason to lines; `reject_examples`: {uri, label, line, reason};
    `history`: earlier reviews, oldest first, as {name, verdict, scores}; `comparisons`: further ones, each with what it is compared with;
    `commands`: those that accept or reject what blocks; `waiting`: decisions that need another name; `spans`: the numbers of the reviewed
    deliveries, none outside a run; `language`: one of `flowers_tfx.texts.LANGUAGES`."""

    title: str = ""
    run_id: str = ""
    created: str = ""
    model_version: str = ""
    code_version: str = ""
    rejects: Mapping[str, int] = field(default_factory=dict)
    reject_examples: Sequence[Mapping[str, Any]] = ()
    schema_differences: Sequence[str] = ()
    history: Sequence[Mapping[str, Any]] = ()
    comparisons: Sequence[tuple[str, Review]] = ()
    commands: Sequence[str] = ()
    waiting: Sequence[Waiting] = ()
    spans: Sequence[int] = ()
    language: str = ENGLISH.language

    @property
    def texts(self) -> Texts:
        return texts_of(self.language)


@dataclass(frozen=True)
class Evidence:
    """A property of the first screen: what changed in words, and both distributions."""

    title: str
    words: str
    histogram: Histogram | None


def render_html(review: Review, baseline: pd.DataFrame, new: pd.DataFrame, thumbnails: Mapping[str, bytes], context: Context) -> str:
    """One self-contained file. `thumbnails`: digest to what `thumbnail` made."""
    texts = context.texts
    baseline = baseline if review.is_compared else baseline.iloc[:0]
    filled, doubtful = _galleries(review, baseline, new, thumbnails, texts)
    first = filled[0] if filled else None
    summary = summarize(review, texts, sum(context.rejects.values()), doubtful)
    rows = property_rows(review, baseline, new, texts)
    return render(
        "review.html.j2",
        t=texts,
        r=review,
        c=context,
        s=summary,
        most=_MOST,
        columns=_COLUMNS,
        glossary=GLOSSARY,
        is_compared=review.is_compared,
        is_served=is_served(review),
        baseline=baseline_name(review, texts),
        subject=subject(review, context.title, texts),
        story_language="en" if texts is not ENGLISH and _is_english(summary) else "",
        first=first,
        filled={one.gallery.cause.anchor: one for one in filled[1:] if one.gallery.cause},
        names=_names(first.gallery, new) if first else [],
        evidence=list(_evidence(summary, baseline, new, texts)),
        options=options(review, context.spans, context.commands, texts),
        decisions=decision_lines(review.decisions[-_MOST["decisions"] :], texts),
        waiting=[waiting_sentence(waiting, texts) for waiting in context.waiting[: _MOST["decisions"]]],
        causes=causes(review),
        rows=rows,
        classes=class_shares(baseline, new),
        harm_classes=class_rows(review),
        trends=trends(review, rows, context.history[-_MOST["history"] :], texts) if context.history else [],
        rejects=sorted(context.rejects.items(), key=lambda item: (-item[1], item[0])),
        quiet_lines=list(_quiet_lines(review, context, texts)),
        clean=clean,
        **_writers(texts),
    )


def _is_english(summary: Summary) -> bool:
    """Whether the story is in English, since its finding has no facts."""
    return bool(summary.cause and summary.cause.group is None and not any(finding.facts for finding in summary.cause.findings))


def _writers(texts: Texts) -> dict[str, Callable[..., str]]:
    """Functions of the templates that write a value in the language of the page."""
    return {
        "message": lambda finding: message(finding, texts),
        "facts": lambda finding: _facts(finding, texts),
        "group_words": lambda group: group_words(group, texts),
        "subject_of": lambda review: subject(review, "", texts),
        "name_of": lambda review: baseline_name(review, texts),
        "share": lambda share: texts.numbers.percentage(None if share is None else 100 * share),
        "change": lambda old, new: texts.change(None if old is None or new is None else 100 * (new - old)),
    }


def _galleries(
    review: Review, baseline: pd.DataFrame, new: pd.DataFrame, thumbnails: Mapping[str, bytes], texts: Texts
) -> tuple[list[FilledGallery], int]:
    """The galleries, and how many of their new photos have a doubtful label."""
    shown = galleries(review, baseline, new)
    on_page = {example.digest for gallery in shown for example in gallery.new}
    doubtful = doubtful_labels(baseline, new[np.isin(words(new, features.DIGEST), list(on_page))])
    album = Album(thumbnails, doubtful, texts)
    return [album.fill(gallery) for gallery in shown], len(doubtful)


def _names(gallery: Gallery, new: pd.DataFrame) -> list[str]:
    """URIs of the photos of a group."""
    wanted = set(gallery.cause.group["photos"]) if gallery.cause and gallery.cause.group else set()
    pairs = zip(words(new, features.DIGEST), words(new, features.URI), strict=True)
    return sorted(uri for digest, uri in pairs if digest in wanted)


def _evidence(summary: Summary, baseline: pd.DataFrame, new: pd.DataFrame, texts: Texts) -> Iterator[Evidence]:
    """What grew in the properties of the first cause: the second sentence of their findings, if they have one."""
    for finding in summary.evidence:
        prop = PROPERTIES.get(finding.feature)
        facts = finding.facts.get("also") or finding.facts
        text = texts.message(facts, finding.message)
        drawn = histogram(prop, baseline, new, texts) if prop and prop.role != "identifier" else None
        shown = with_arrows(clean(text, 200))
        yield Evidence(capitalized(texts.title(finding.feature)), "" if shown == summary.story else shown, drawn)


def _facts(finding: Finding, texts: Texts) -> str:
    """Effect, threshold and p-value of a finding."""
    # A kind that has no text in this language yet is named in English.
    spec = finding.spec
    kind, meaning = texts.table.get(f"kind.{spec.key}", spec.title), texts.table.get(f"effect.{spec.key}", spec.effect_meaning)
    if finding.unit == "points":
        numbers = {"effect": texts.points(finding.effect), "threshold": texts.points(finding.threshold)}
        parts = [texts("facts.effect", kind=kind, meaning=meaning, **numbers)]
    elif finding.effect is not None:
        numbers = {"effect": texts.numbers.number(finding.effect), "threshold": texts.numbers.number(finding.threshold)}
        parts = [texts("facts.effect_unit", kind=kind, unit=texts.table.get(f"unit.{finding.unit}", finding.unit), **numbers)]
    else:
        parts = [kind]
    return "; ".join([*parts, p_value(finding, texts)])


def p_value(finding: Finding, texts: Texts) -> str:
    """In words."""
    if finding.p_value is None:
        return texts("facts.counted")
    return texts("facts.p", p=_p(finding.p_value, texts))


def _p(value: float, texts: Texts) -> str:
    if not value >= 0:
        return texts.numbers.number(None)
    return f"< {texts.numbers.decimal(0.001, 3)}" if value < 0.001 else f"= {texts.numbers.decimal(value, 3)}"


def _quiet_lines(review: Review, context: Context, texts: Texts) -> Iterator[str]:
    """One sentence for each section that has nothing to show."""
    empty = {
        "rejects": not context.rejects,
        "schema": not context.schema_differences,
        "history": not context.history,
        "decisions": not review.decisions and not context.waiting and not is_served(review),
        "comparisons": not context.comparisons,
    }
    yield from (texts(f"more.no_{name}") for name, is_empty in empty.items() if is_empty)
