"""Which photos stand on the page of a review, and where."""

from __future__ import annotations

import base64
from dataclasses import replace

from flowers_tfx.review.galleries import galleries, photos_on_page
from flowers_tfx.review.report import render_html
from tests.unit.review_samples import (
    BASELINE,
    CONTEXT,
    LUMA,
    NEW,
    QUIET,
    REVIEW,
    Page,
    page,
)


def test_wanted_are_the_examples_and_baseline_photos_of_their_classes_the_most_severe_first() -> None:
    wanted = photos_on_page(REVIEW, BASELINE, NEW)
    labels = dict(zip(BASELINE["digest"], BASELINE["label"], strict=True))
    assert wanted[:2] == ["new-039", "new-038"]
    assert [labels[digest] for digest in wanted[2:4]] == ["roses", "roses"]
    assert {"new-007", "new-001", "new-000"} < set(wanted)
    assert len(wanted) == len(set(wanted))
    assert photos_on_page(REVIEW, BASELINE, NEW, limit=3) == wanted[:3]


def test_the_choice_does_not_depend_on_the_order_of_the_rows() -> None:
    assert photos_on_page(REVIEW, BASELINE.iloc[::-1], NEW.iloc[::-1]) == photos_on_page(REVIEW, BASELINE, NEW)
    assert photos_on_page(QUIET, BASELINE.iloc[::-1], NEW.iloc[::-1]) == photos_on_page(QUIET, BASELINE, NEW)


def test_where_all_is_well_photos_are_drawn_at_random() -> None:
    first, *others = galleries(QUIET, BASELINE, NEW)
    assert (first.kind, len(first.new), len(first.baseline), others) == ("random", 12, 12, [])
    assert {photo.digest for photo in first.new} <= set(NEW["digest"])
    assert {photo.digest for photo in first.baseline} <= set(BASELINE["digest"])


def test_a_group_comes_first_with_as_many_baseline_photos() -> None:
    photos = [f"new-{row:03d}" for row in range(20)]
    group = {"id": "group-1", "words": "20 photos: bright", "photos": photos, "findings": [LUMA.id], "verdict_without": "pass"}
    first, *others = galleries(replace(REVIEW, groups=(group,)), BASELINE, NEW)
    assert (first.kind, first.total, len(first.baseline)) == ("group", 20, 12)
    assert [photo.digest for photo in first.new] == photos[:12]
    assert LUMA.id not in {finding.id for gallery in others if gallery.cause for finding in gallery.cause.findings}


def test_every_photo_is_there_once_per_place_beside_others_of_its_class() -> None:
    pictures = [str(image["src"]) for image in page().all("img")]
    assert all(picture.startswith("data:image/jpeg;base64,") for picture in pictures)
    found = [base64.b64decode(picture.split(",")[1])[2:].decode() for picture in pictures]
    assert found[:2] == ["new-039", "new-038"]
    assert len(found) == 2 + 2 + 1 + 1 + 2  # luma, consistency, twins
    assert found[-2:] == ["new-001", "new-000"]


def test_without_thumbnails_the_names_are_shown() -> None:
    html = render_html(REVIEW, BASELINE, NEW, {}, CONTEXT)
    assert "<img" not in html
    assert "new-039.jpg" in Page(html).text
