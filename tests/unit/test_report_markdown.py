"""The Markdown form of a review."""

from __future__ import annotations

import re
from dataclasses import replace

from flowers_tfx.review.report_markdown import render_markdown
from tests.unit.review_samples import (
    CONTEXT,
    LUMA,
    QUIET,
    REVIEW,
)


def test_markdown_has_the_verdict_the_findings_and_what_to_decide() -> None:
    text = render_markdown(REVIEW, CONTEXT)
    assert text.startswith("## Blocked\n\n**Training is blocked because the new photos are different**\n")
    assert "40 new photos (spans 3, 4) against 40 of the data of the serving model, version 7." in text.replace("\\", "")
    assert "| error | mean\\_luma: the median went from 69.5 to 139. | 97.5 points | 25.0 points | p < 0.001" in text
    assert "- 1 error, 1 warning, 1 note\n" in text
    assert "```sh\nflowers review accept 4 property:mean_luma\n```" in text
    assert "| level |" not in render_markdown(QUIET, CONTEXT)


def test_every_verdict_offers_the_same_decisions() -> None:
    for review in (REVIEW, QUIET):
        text = render_markdown(review, CONTEXT)
        for words in ("- Accept: ", "- Leave photos out: ", "- Reject: ", "flowers review exclude 4 ", "flowers review reject 4 "):
            assert words in text, words


def test_markdown_is_in_the_language_of_the_report() -> None:
    text = render_markdown(REVIEW, replace(CONTEXT, language="de"))
    assert text.startswith("## Gesperrt\n\n**Das Training ist gesperrt: die neuen Fotos sind anders**\n")
    assert "97,5 Punkte" in text


def test_words_from_outside_are_not_markup_in_markdown() -> None:
    evil = "a|b\n# c [d](https://x.y) @team `e` <img src=x> ![f](www.g.h) ```"
    review = replace(REVIEW, findings=(replace(LUMA, message=evil),))
    text = render_markdown(review, replace(CONTEXT, commands=(f"flowers review accept 4 {evil}",)))
    row = next(line for line in text.splitlines() if line.startswith("| error"))
    assert len(re.findall(r"(?<!\\)\|", row)) == 6
    assert not re.search(r"https?://|<img|@team|www\.|(?<!\\)\]\(|(?<!\\)`", row)
    assert "````sh\n" in text
