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


def test_markdown_has_the_verdict_the_findings_and_what_to_do() -> None:
    text = render_markdown(REVIEW, CONTEXT)
    assert text.startswith("## Blocked: a reviewer must decide\n")
    assert "1 of 2 properties drifted: spans 3, 4 (40 photos) against the data of the serving model, version 7 (40 photos)." in text
    assert "| error | mean\\_luma: the median went from 69.5 to 139. | 97.5 points | 25.0 points | would happen" in text
    assert "```sh\nflowers review accept 4 property:mean_luma\n```" in text
    assert "What to do" not in render_markdown(QUIET, CONTEXT)
    assert "| level |" not in render_markdown(QUIET, CONTEXT)


def test_words_from_outside_are_not_markup_in_markdown() -> None:
    evil = "a|b\n# c [d](https://x.y) @team `e` <img src=x> ![f](www.g.h) ```"
    review = replace(REVIEW, findings=(replace(LUMA, message=evil),))
    text = render_markdown(review, replace(CONTEXT, commands=(evil,)))
    row = next(line for line in text.splitlines() if line.startswith("| error"))
    assert len(re.findall(r"(?<!\\)\|", row)) == 6
    assert not re.search(r"https?://|<img|@team|www\.|(?<!\\)\]\(|(?<!\\)`", row)
    assert "````sh\n" in text
