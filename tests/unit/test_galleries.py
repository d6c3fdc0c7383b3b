"""Which photos stand on the page of a review, and where."""

from __future__ import annotations

import base64
from dataclasses import replace

from flowers_tfx.review.galleries import photos_on_page
from flowers_tfx.review.report import render_html
from tests.unit.review_samples import (
    BASELINE,
    CONTEXT,
    LUMA,
    NEW,
    REVIEW,
    Page,
    examples,
    page,
)


def test_wanted_are_the_examples_and_photos_near_the_median_the_most_severe_first() -> None:
    wanted = photos_on_page(REVIEW, BASELINE)
    assert wanted[:4] == ["new-039", "new-038", "old-019", "old-020"]
    assert {"new-007", "new-001", "new-000"} < set(wanted)
    assert len(wanted) == len(set(wanted))
    assert photos_on_page(REVIEW, BASELINE, limit=3) == wanted[:3]


def test_the_choice_does_not_depend_on_the_order_of_the_rows() -> None:
    assert photos_on_page(REVIEW, BASELINE.iloc[::-1]) == photos_on_page(REVIEW, BASELINE)


def test_typical_photos_of_a_category_have_its_most_common_value() -> None:
    old = BASELINE.assign(format=["PNG"] + ["JPEG"] * 39)
    found = replace(LUMA, id="property:format", feature="format", examples=examples("new-001", value="PNG"))
    wanted = photos_on_page(replace(REVIEW, findings=(found,)), old)
    assert len(wanted) == 9
    assert "old-000" not in wanted
    assert "with the most common value, JPEG" in page(replace(REVIEW, findings=(found,)), old=old).text


def test_every_photo_is_there_once_per_place_beside_typical_ones() -> None:
    pictures = [str(image["src"]) for image in page().all("img")]
    assert all(picture.startswith("data:image/jpeg;base64,") for picture in pictures)
    found = [base64.b64decode(picture.split(",")[1])[2:].decode() for picture in pictures]
    assert found[:2] == ["new-039", "new-038"]
    assert len(found) == 2 + 8 + 1 + 8 + 2  # luma, consistency, twins
    assert found[-2:] == ["new-001", "new-000"]


def test_without_thumbnails_the_names_are_shown() -> None:
    html = render_html(REVIEW, BASELINE, NEW, {}, CONTEXT)
    assert "<img" not in html
    assert "new-039.jpg" in Page(html).text
