"""Pages of reviews from odd inputs: hostile texts, missing values, too much of everything."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from flowers_tfx import features
from flowers_tfx.reports.words import clean
from flowers_tfx.review.galleries import photos_on_page
from flowers_tfx.review.report import Context, render_html
from flowers_tfx.review.report_markdown import render_markdown
from flowers_tfx.validation import Review
from flowers_tfx.validation.review import Example
from tests.unit.review_samples import (
    BASELINE,
    CONTEXT,
    EMPTY,
    EVIL,
    LUMA,
    NAN,
    NEW,
    REVIEW,
    THUMBNAILS,
    Page,
    evil_review,
    examples,
    page,
    table,
)


def test_words_from_outside_are_escaped_everywhere() -> None:
    review, context = evil_review()
    frame = BASELINE.assign(label=EVIL, format=EVIL, uri=EVIL)
    html = render_html(review, frame, frame, THUMBNAILS, context)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 30
    document = Page(html)
    assert document.open == []
    assert not [name for _, attributes in document.tags for name in attributes if name.startswith("on")]
    assert "<script" not in render_markdown(review, replace(context, commands=()))


def test_what_would_spoil_the_text_is_replaced() -> None:
    assert clean("a\x00b\ud800c\u202ed\ne") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c\N{REPLACEMENT CHARACTER}d e"
    assert clean("x" * 10, 5) == "xxxx\N{HORIZONTAL ELLIPSIS}"
    odd = replace(LUMA, message="\ud800\x00", examples=(Example("\ud800", "\ud800", "\ud800", "\ud800"),))
    frame = BASELINE.assign(uri="\ud800", label="\ud800")
    html = render_html(replace(REVIEW, findings=(odd,)), frame, frame, {}, Context(title="\ud800"))
    assert html.encode("utf-8")


def test_what_is_not_known_is_a_dash_and_never_nan() -> None:
    finding = replace(LUMA, statistic=NAN, p_value=NAN, effect=NAN, threshold=NAN, examples=examples("new-001", value=NAN))
    scores = {name: {"kolmogorov_smirnov": NAN, "baseline_median": None, "new_median": NAN} for name in features.PROPERTY_NAMES}
    frame = BASELINE.assign(mean_luma=NAN, noise=[None] * 40, label=None, format=None)
    review = replace(REVIEW, findings=(finding,), scores=scores)
    for old, new in ((frame, frame), (frame, NEW), (BASELINE, frame.iloc[:0])):
        html = render_html(review, old, new, {}, CONTEXT)
        assert "nan" not in re.split(r"\W+", html.lower())
        assert "None" not in re.split(r"\W+", Page(html).text)


@pytest.mark.parametrize("frame", [pd.DataFrame(), BASELINE.iloc[:0], BASELINE[["uri"]], BASELINE.drop(columns=["uri", "digest"])])
def test_tables_without_rows_or_columns_are_shown_as_far_as_they_go(frame: pd.DataFrame) -> None:
    for old, new in ((frame, NEW), (BASELINE, frame), (frame, frame)):
        assert photos_on_page(REVIEW, old, new)
        assert Page(render_html(REVIEW, old, new, THUMBNAILS, Context())).open == []
    assert "larger than chance" not in page(EMPTY, Context(), frame, frame).text


def test_values_of_the_wrong_kind_are_left_out_of_the_drawings() -> None:
    frame = BASELINE.assign(mean_luma=["dark"] * 20 + [50.0] * 20, noise=np.inf, label=[["a", "list"]] * 40)
    assert Page(render_html(REVIEW, frame, frame, {}, Context())).open == []


@pytest.mark.parametrize(("thumbnail_bytes", "pictures"), [(4_096, 232), (16_000, 154)])
def test_the_page_stays_below_5_mb_whatever_it_is_about(thumbnail_bytes: int, pictures: int) -> None:
    long = "\N{GRINNING FACE}<&\"'" * 5_000
    many = [f"{number:06d}" for number in range(3_200)]
    findings = tuple(
        replace(
            LUMA, id=f"{number}{long}", feature=long, message=long, examples=tuple(Example(long, digest, long, long) for digest in part)
        )
        for number, part in enumerate(many[at : at + 16] for at in range(0, len(many), 16))
    )
    labels = [f"{number}{long[:300]}" for number in range(400)]
    frame = table("x", [float(row) for row in range(400)], labels)
    photos = frame["digest"].tolist()
    frame = frame.assign(uri=[f"{number}/{long}/{long}.jpg" for number in range(400)])
    groups = tuple(
        {"id": f"group-{at}", "words": long, "photos": photos[20 * at : 20 * at + 20], "findings": [findings[at].id], "accuracy": 0.5}
        for at in range(20)
    )
    scores = {name: {"kolmogorov_smirnov": 0.5, "jensen_shannon_divergence": 0.5} for name in (*features.PROPERTY_NAMES, "label")}
    decision = {"action": "accept", "span": long, "digest": long, "findings": [long] * 50, "reason": long, "by": long, "when": long}
    review = Review(
        findings,
        scores,
        {"kind": "serving", "version": long, "digest": long},
        {"spans": [long] * 50, "digest": long},
        (decision,) * 100,
        long,
        None,
        groups,
    )
    context = Context(
        *(long,) * 5,
        {f"{number}{long}": 1 for number in range(200)},
        (dict.fromkeys(("uri", "label", "line", "reason"), long),) * 200,
        (long,) * 200,
        ({"name": long, "verdict": long, "scores": scores},) * 100,
        ((long, review),) * 20,
        (long,) * 100,
    )
    html = render_html(review, frame, frame, dict.fromkeys([*many, *photos], b"\xff" * thumbnail_bytes), context)
    assert len(html.encode()) < 5_000_000
    assert html.count("<img") == pictures
    assert len(render_markdown(review, context)) < 65_536
