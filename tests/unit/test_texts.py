"""The texts of the report in each of its languages."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from dataclasses import replace

import pytest

from flowers_tfx.finding_kinds import KINDS
from flowers_tfx.review.report import Context, render_html
from flowers_tfx.review.report_markdown import render_markdown
from flowers_tfx.texts import ENGLISH, LANGUAGES, Texts, texts_of
from flowers_tfx.validation import Policy, Review, compare
from tests.unit.review_samples import Page
from tests.unit.tables import table

_SHORTEST = 9  # characters of a passage that names no property, class or number by accident
GERMAN = texts_of("de")
OTHERS = [texts_of(language) for language in LANGUAGES if language != ENGLISH.language]
GROUP = {
    "id": "group-0123456789ab",
    "words": "30 photos: brighter, JPEG quality 75",
    "photos": [f"new-{row}" for row in range(30)],
    "findings": [],
    "accuracy": None,
    "verdict_without": "warn",
    "conditions": [{"feature": "mean_luma", "low": 150.0}],
}
HARM = {
    "accuracy": 0.7,
    "interval": [0.6, 0.8],
    "baseline_accuracy": 0.9,
    "difference_interval": [-0.3, -0.1],
    "per_class": {"roses": {"accuracy": 0.7, "baseline_accuracy": 0.9, "photos": 20}},
    "photos": 60,
    "calibration": {"error": 0.1, "baseline_error": 0.02},
    "unknown": {"share": 0.2, "baseline_share": 0.05},
    "estimated": False,
}


def placeholders(template: str) -> set[str]:
    """Names of the values, also those within a format; words of a plural and the way of writing may differ."""
    names = set()
    for _, name, form, _ in string.Formatter().parse(template):
        if name is not None:
            names |= {name} | placeholders(form or "")
    return names


@pytest.mark.parametrize("texts", OTHERS, ids=lambda texts: texts.language)
def test_languages_have_the_same_keys_and_placeholders(texts: Texts) -> None:
    assert set(texts.table) == set(ENGLISH.table)
    different = {key for key in texts.table if placeholders(texts.table[key]) != placeholders(ENGLISH.table[key])}
    assert not different


def test_the_placeholders_of_a_template_are_read() -> None:
    assert placeholders("{count:count} {count:plural:a|b} {low:amount:{feature}}") == {"count", "low", "feature"}


@pytest.mark.parametrize("texts", [ENGLISH, *OTHERS], ids=lambda texts: texts.language)
def test_every_kind_of_finding_has_a_name(texts: Texts) -> None:
    assert {f"{part}.{spec.key}" for spec in KINDS for part in ("kind", "effect")} <= set(texts.table)


@pytest.fixture(scope="module")
def review() -> Review:
    old, new = table(60, 1, name="old"), table(60, 2, name="new")
    new["mean_luma"] = (new["mean_luma"] + 80).clip(0, 255)
    compared = compare(old, new, Policy(permutations=1500), compared_with={"kind": "serving", "version": "7"}, with_power=True)
    assert compared.verdict == "blocked"
    assert all(finding.facts for finding in compared.findings)
    sequential = {"weeks": 4, "level": 0.001, "review": 2}
    return replace(compared, new={**compared.new, "spans": [4]}, harm=HARM, groups=(GROUP,), sequential=sequential, story="Brighter.")


def english_passages() -> Iterator[str]:
    """What stands between placeholders in English texts and in no German one."""
    german = " ".join(GERMAN.table.values())
    for template in ENGLISH.table.values():
        for literal, *_ in string.Formatter().parse(template):
            passage = literal.strip(" .,:;()")
            if len(passage) >= _SHORTEST and passage not in german:
                yield passage


def test_no_english_text_remains_in_the_german_page(review: Review) -> None:
    old, new = table(60, 1, name="old"), table(60, 2, name="new")
    context = Context(title="span-4", run_id="1", created="2026-06-14T09:42:55+00:00", spans=(4,), rejects={"x": 2}, language="de")
    html = render_html(review, old, new, {}, context)
    assert '<html lang="de">' in html
    html = re.sub("<code>.*?</code>", "", html)  # ids of findings are the same in every language
    spoken = [Page(html).text, *re.findall(r'(?:alt|aria-label|title)="([^"]*)"', html), render_markdown(review, context)]
    passages = set(english_passages())
    assert len(passages) > 100
    assert not {passage for passage in passages if any(re.search(rf"\b{re.escape(passage)}\b", text) for text in spoken)}


def test_the_english_page_has_what_the_german_one_must_not_have(review: Review) -> None:
    """What shows that the test above looks for the right words."""
    text = Page(render_html(review, table(60, 1, name="old"), table(60, 2, name="new"), {}, Context(spans=(4,)))).text
    assert sum(passage in text for passage in english_passages()) > 50
