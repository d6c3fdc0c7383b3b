"""The page of a review: what it says, in which order, and that anybody can read it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from flowers_tfx.reports.words import chance
from flowers_tfx.review.report import Context, render_html
from flowers_tfx.review.report_markdown import render_markdown
from flowers_tfx.validation import Finding
from tests.unit.review_samples import (
    ALONE,
    BASELINE,
    CONSISTENCY,
    CONTEXT,
    EMPTY,
    LUMA,
    NAN,
    NEW,
    REVIEW,
    SCORES,
    THUMBNAILS,
    TWINS,
    Page,
    page,
)

SECTIONS = (
    "Decisions",
    "What to do",
    "Findings",
    "Photos of the findings",
    "All properties",
    "Labels",
    "Rejected lines",
    "Schema",
    "Recent reviews",
    "Other comparisons",
    "Glossary",
)


@pytest.mark.parametrize(
    ("findings", "headline"),
    [
        ((), "Pass: no drift from the baseline"),
        ((TWINS,), "Pass: no drift from the baseline"),
        ((replace(LUMA, accepted=True),), "Pass: reviewers accepted all findings"),
        ((CONSISTENCY,), "Warning: worth a look, nothing is blocked"),
        ((CONSISTENCY, LUMA), "Blocked: a reviewer must decide"),
    ],
)
def test_the_verdict_comes_first(findings: tuple[Finding, ...], headline: str) -> None:
    document = page(replace(REVIEW, findings=findings))
    assert document.text.index(headline, document.text.index(headline) + 1) < document.text.index("Compared with")
    assert ("What to do" in document.text) == headline.startswith("Blocked")
    assert headline in render_markdown(replace(REVIEW, findings=findings), CONTEXT)


def test_without_a_baseline_the_page_does_not_mention_one() -> None:
    document = page(ALONE, old=NEW)
    assert "Pass: no findings, and no baseline to compare with" in document.text
    assert "No property was compared" in document.text
    assert "no baseline 0 photos, data \N{EN DASH}" in document.text
    assert "daisy \N{EN DASH} 25.0 % \N{EN DASH}" in document.text
    assert "not significant" not in document.text
    assert "properties drifted" not in render_markdown(ALONE, CONTEXT)


def test_everything_stands_in_its_order() -> None:
    assert tuple(word for word in page().words if word in SECTIONS) == SECTIONS


def test_the_numbers_are_the_reviews() -> None:
    text = page().text
    for words in (
        "1 of 2 properties drifted",
        "the data of the serving model, version 7 40 photos, data 0123456789ab",
        "spans 3, 4 40 photos, data fedcba987654",
        "run run-1",
        "code 1.2.3",
        "Ana accepted sparse:noise of span 3 (data aa): a new camera",
        "effect 97.5 points",
        "threshold 25.0 points",
        "would happen by chance in fewer than 1 of 1000 reviews",
        "would happen by chance in about 4 of 1000 reviews",
        "counted, no test needed",
        "nearest the median, 69.5",
        "97.5 25.0 69.5 \N{RIGHTWARDS ARROW} 140",
        "0.876",
        "GIF is not supported 5 empty file 2",
        "mean_luma has values above 200.",
        "Review d1gest. The same inputs give the same review.",
    ):
        assert words in text, words


def test_properties_have_the_name_that_people_use_and_their_key() -> None:
    text = page().text
    assert "brightness brightness (Rec. 601 luma) (0-255) mean_luma" in text
    assert "all properties together" in page(replace(REVIEW, scores={**SCORES, "all properties": {"separation_points": 3.0}})).text


@pytest.mark.parametrize(
    ("findings", "words"), [((LUMA, replace(LUMA, id="2")), "1 more finding stops."), ((CONSISTENCY,) * 3, "2 more findings warn.")]
)
def test_the_number_of_other_findings_is_shown(findings: tuple[Finding, ...], words: str) -> None:
    assert words in page(replace(REVIEW, findings=findings)).text


def test_findings_and_properties_come_by_severity() -> None:
    text = page().text
    assert text.index(LUMA.message) < text.index(CONSISTENCY.message) < text.index(TWINS.message)
    rows = text[text.index(" All properties ") :]
    assert rows.index("brightness") < rows.index("file format")


def test_accepted_findings_and_rejected_photos_are_marked() -> None:
    accepted = replace(REVIEW, findings=(replace(LUMA, accepted=True),))
    assert page(accepted).words.count("accepted") == 2  # beside the finding and in the table
    rejected = replace(REVIEW, decisions=({"action": "reject", "span": 4, "reason": "wrong folder", "by": "Ben"},))
    assert "A reviewer rejected these photos: wrong folder" in page(rejected).text


def test_class_shares_of_both_sides() -> None:
    text = page().text
    assert "tulips 50.0 % 0.0 % \N{MINUS SIGN}50.0 points" in text
    assert "daisy 0.0 % 25.0 % +25.0 points" in text


def test_the_trend_has_every_review_and_leaves_gaps() -> None:
    html = render_html(REVIEW, BASELINE, NEW, {}, CONTEXT)
    assert 'aria-label="span-1 2, span-2 \N{EN DASH}, this review 97.5"' in html
    assert "span-1 pass , span-2 warn , this review blocked" in Page(html).text
    assert "no trend yet" in page(context=replace(CONTEXT, history=())).text


def test_the_page_is_well_formed_and_loads_nothing() -> None:
    for review, context in ((REVIEW, CONTEXT), (REVIEW, Context()), (EMPTY, Context())):
        html = render_html(review, BASELINE, NEW, THUMBNAILS, context)
        document = Page(html)
        assert document.open == []
        assert "default-src 'none'" in html
        assert "<script" not in html
        assert not re.search(r"url\(|@import|https?://", html)
        assert all(str(link["href"]).startswith("#") for link in document.all("a"))
        ids = [str(attributes["id"]) for _, attributes in document.tags if "id" in attributes]
        assert {str(link["href"])[1:] for link in document.all("a")} == set(ids)
        assert len(ids) == len(set(ids))


def test_what_scrolls_can_be_reached_by_keyboard_and_pictures_have_words() -> None:
    document = page()
    scrolling = [attributes for _, attributes in document.tags if attributes.get("class") == "scroll"]
    assert len(scrolling) >= 4
    assert all(attributes["tabindex"] == "0" and attributes["aria-label"] for attributes in scrolling)
    assert all(image["alt"] for image in document.all("img"))
    assert all(drawing["aria-label"] for drawing in document.all("svg"))
    assert len(document.all("table")) == len(scrolling)


@pytest.mark.parametrize(
    ("p_value", "words"),
    [
        (None, "counted, no test needed"),
        (NAN, "\N{EN DASH}"),
        (0.0, "fewer than 1 of 1000 reviews"),
        (0.001, "about 1 of 1000 reviews"),
        (0.0301, "about 31 of 1000 reviews"),
        (0.25, "about 25 of 100 reviews"),
        (1.0, "about 100 of 100 reviews"),
    ],
)
def test_chance_in_words(p_value: float | None, words: str) -> None:
    assert chance(p_value).endswith(words)


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_meets_wcag_aa_in_light_dark_and_print() -> None:
    themes = re.findall(r":root \{(.*?)\}", render_html(REVIEW, BASELINE, NEW, {}, CONTEXT), flags=re.DOTALL)
    assert len(themes) == 3
    for theme in themes:
        colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", theme))
        pairs = [(front, back) for front in ("text", "soft") for back in ("ground", "surface")]
        pairs += [("text", f"{name}-ground") for name in ("good", "warn", "bad")]
        pairs += [(name, f"{name}-ground") for name in ("good", "warn", "bad")] + [("accent", "surface")]
        for front, back in pairs:
            dark, light = sorted((_luminance(colours[front]), _luminance(colours[back])))
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (front, back)
