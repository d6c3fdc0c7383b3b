"""An explanation as JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from flowers_tfx.explain.explanation import Explanation, Quality, Region
from flowers_tfx.explain.rows import box_in_pixels, explanation_row
from flowers_tfx.inference.answer import Answer

LABELS = ("daisy", "roses", "tulips")


def explanation(*reasons: str, completeness_error: float | None = None) -> Explanation:
    return Explanation(
        target=1,
        method="rise",
        map=np.zeros((4, 4), np.float32),
        regions=(Region((0.25, 0.0, 0.75, 0.5), 0.625), Region((0.0, 0.75, 0.25, 1.0), 0.25)),
        quality=Quality(0.25, 0.75, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, completeness_error=completeness_error, reasons=reasons),
        runner_up=2,
        runner_up_map=np.zeros((4, 4), np.float32),
        seconds=1.23456,
    )


def test_a_row_has_the_fields_that_are_promised_with_boxes_in_pixels() -> None:
    answer = Answer(np.array([0.125, 0.625, 0.25], np.float32), True, None, 0.5)
    row = explanation_row(explanation(), answer, LABELS, (640, 480))
    assert row == {
        "label": "roses",
        "probability": 0.625,
        "known": True,
        "why": None,
        "score": 0.5,
        "method": "rise",
        "regions": [{"box": [160, 0, 480, 240], "share": 0.625}, {"box": [0, 360, 160, 480], "share": 0.25}],
        "completeness_error": None,
        "deletion_auc": 0.25,
        "insertion_auc": 0.75,
        "random_deletion_auc": 0.5,
        "random_insertion_auc": 0.5,
        "edge_deletion_auc": 0.5,
        "edge_insertion_auc": 0.5,
        "centre_deletion_auc": 0.5,
        "centre_insertion_auc": 0.5,
        "stability": None,
        "randomised_correlation": None,
        "trustworthy": True,
        "reasons": [],
        "runner_up": {"label": "tulips", "probability": 0.25},
        "seconds": 1.235,
    }
    json.dumps(row)


def test_a_row_says_why_it_cannot_be_trusted_and_why_a_photo_is_not_known() -> None:
    answer = Answer(np.array([0.125, 0.625, 0.25], np.float32), False, "far", 1.5)
    row = explanation_row(explanation("It is no better than chance.", completeness_error=0.03), answer, LABELS, (640, 480))
    assert (row["trustworthy"], row["reasons"]) == (False, ["It is no better than chance."])
    assert (row["known"], row["why"], row["completeness_error"]) == (False, "far", 0.03)


@pytest.mark.parametrize(("size", "box"), [((3, 3), [2, 2, 3, 3]), ((1, 1), [0, 0, 1, 1]), ((1000, 10), [999, 9, 1000, 10])])
def test_a_box_is_at_least_one_pixel_and_inside_the_photo(size: tuple[int, int], box: list[int]) -> None:
    assert box_in_pixels(Region((0.999, 0.999, 1.0, 1.0), 0.5), size) == box
