"""What explains a class: its mean map, its typical photos, and what it is confused with."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from flowers_tfx.errors import InputError
from flowers_tfx.explain.class_attribution import GRID, class_attribution, class_attributions
from flowers_tfx.explain.confusions import confused_pairs, confusions
from flowers_tfx.explain.typical_photos import typical_photos
from flowers_tfx.litert import FEATURES, PROBABILITIES, SCORE
from tests.unit.answered_photos import answers, explanation, photo_set


def spot(y: slice, x: slice, side: int = 56) -> Any:
    evidence = np.full((side, side), -1.0, np.float32)
    evidence[y, x] = 3.0
    return evidence


def areas(result: dict[str, Any]) -> dict[str, Any]:
    return {row["name"]: row for row in result["areas"]}


def test_the_mean_map_holds_the_evidence_where_it_lies_and_every_photo_counts_alike() -> None:
    photos = photo_set([0, 0])
    top_left, middle = spot(slice(0, 8), slice(0, 8)), 1000 * spot(slice(24, 32), slice(24, 32))
    result = class_attribution(photos, {0: explanation(top_left), 1: explanation(middle)}, 0)
    cells = np.array(result["map"])
    assert cells.shape == (GRID, GRID)
    assert cells.sum() == pytest.approx(1, abs=1e-4)
    assert cells[:2, :2].sum() == pytest.approx(0.5, abs=1e-4)
    assert cells[6:8, 6:8].sum() == pytest.approx(0.5, abs=1e-4)
    assert areas(result)["top left"]["share"] == pytest.approx(0.5)
    assert areas(result)["centre"]["share"] == pytest.approx(0.5)
    assert np.array(result["spread"])[0, 0] == pytest.approx(0.25 / 2**0.5, abs=1e-5)
    json.dumps(result)


@pytest.mark.parametrize("side", [8, 14, 75, 224])
def test_even_evidence_gives_every_area_its_share_of_the_picture(side: int) -> None:
    even = np.ones((side, side), np.float32)
    result = class_attribution(photo_set([0, 0]), {0: explanation(even), 1: explanation(even)}, 0)
    assert np.array(result["map"]) == pytest.approx(np.full((GRID, GRID), 1 / GRID**2), abs=1e-5)
    for row in result["areas"]:
        assert row["share"] == pytest.approx(row["area"], abs=1e-5)
        assert row["area"] == pytest.approx(1 / 3 if row["kind"] == "ring" else 1 / 16, abs=3 / side)
    assert sum(row["share"] for row in result["areas"] if row["kind"] == "ring") == pytest.approx(1, abs=1e-5)


def test_a_mark_in_one_corner_is_named_and_a_flower_in_the_middle_is_not() -> None:
    rng = np.random.default_rng(0)
    marked, plain = {}, {}
    for place in range(8):
        noise = rng.random((56, 56)).astype(np.float32) * 0.2
        marked[place] = explanation(noise + np.maximum(spot(slice(46, 56), slice(46, 56)), 0))
        plain[place] = explanation(noise + np.maximum(spot(slice(20, 36), slice(20, 36)), 0))
    photos = photo_set([0] * 8)
    corners = ("top left", "top right", "bottom left", "bottom right")
    found = areas(class_attribution(photos, marked, 0))
    assert [name for name in corners if found[name]["more_than_area"]] == ["bottom right"]
    assert found["border"]["more_than_area"]
    assert [name for name, row in areas(class_attribution(photos, plain, 0)).items() if row["more_than_area"]] == ["centre"]


def test_photos_that_are_left_out_of_the_mean_map_are_counted_by_reason() -> None:
    evidence = spot(slice(0, 8), slice(0, 8))
    explanations = {
        0: explanation(evidence),
        1: explanation(evidence, 0, "It is no better than chance."),
        2: explanation(evidence, 1),
        3: explanation(-np.ones((56, 56))),
        4: explanation(evidence, 1),
    }
    result = class_attribution(photo_set([0, 0, 0, 0, 1]), explanations, 0)
    counts = {name: result[name] for name in ("explained", "photos", "answered_wrong", "not_trustworthy", "without_evidence")}
    assert counts == {"explained": 4, "photos": 1, "answered_wrong": 1, "not_trustworthy": 1, "without_evidence": 1}
    assert result["spread"] is None
    assert all(row["interval"] is None and not row["more_than_area"] for row in result["areas"])


def test_a_class_without_explanations_has_no_map() -> None:
    result = class_attributions(photo_set([0]), {})
    assert set(result) == {"daisy", "roses", "tulips"}
    assert all((row["photos"], row["map"], row["areas"]) == (0, None, []) for row in result.values())


def test_typical_photos_are_those_near_the_mean_of_the_class_and_only_right_ones() -> None:
    features = np.zeros((6, 3))
    features[:, 0] = 1
    features[3, 1] = 2.0  # far from the others, right
    features[5] = (0, 0, 1)  # wrong
    vectors = answers([0, 0, 0, 0, 0, 1], certainty=[0.8, 0.99, 0.7, 0.6, 0.9, 0.9], features=10 * features)
    result = typical_photos(photo_set([0] * 6), vectors, most=2)["daisy"]
    assert (result["photos"], result["right"]) == (6, 5)
    assert [row["photo"] for row in result["nearest"]] == [0, 1]
    assert [row["photo"] for row in result["most_certain"]] == [1, 4]
    assert [row["photo"] for row in result["least_typical"]] == [3, 4]
    assert result["least_typical"][0]["distance"] > 5 * result["nearest"][0]["distance"]


def test_photos_whose_probability_is_1_are_ordered_by_what_the_next_class_gets() -> None:
    vectors = answers([0, 0])
    vectors[PROBABILITIES] = np.array([[1, 1e-9, 0], [1, 1e-20, 0]], np.float32)
    assert [row["photo"] for row in typical_photos(photo_set([0, 0]), vectors)["daisy"]["most_certain"]] == [1, 0]


def test_confusions_name_the_classes_and_list_the_most_certain_mistake_first() -> None:
    truth, answered = [0, 0, 0, 0, 1, 1, 2], [0, 1, 1, 2, 1, 0, 2]
    vectors = answers(answered, certainty=[0.9, 0.5, 0.7, 0.6, 0.6, 0.9, 0.9])
    daisy = confusions(photo_set(truth), vectors)["daisy"]
    assert (daisy["photos"], daisy["wrong"], daisy["share"]) == (4, 3, 0.75)
    assert daisy["interval"][0] < 0.75 < daisy["interval"][1]
    assert [(pair["answered"], pair["count"], pair["of"]) for pair in daisy["answered_as"]] == [("roses", 2, 4), ("tulips", 1, 4)]
    assert [row["photo"] for row in daisy["wrong_photos"]] == [2, 3, 1]
    assert (daisy["taken_for_it"]["total"], daisy["taken_for_it"]["photos"][0]["photo"]) == (1, 5)
    pairs = confused_pairs(photo_set(truth), vectors)
    assert [(pair["true"], pair["answered"], pair["count"]) for pair in pairs["pairs"]] == [
        ("daisy", "roses", 2),
        ("roses", "daisy", 1),
        ("daisy", "tulips", 1),
    ]
    assert pairs["total"] == 3


def test_right_photos_with_the_smallest_margin_come_with_the_class_that_is_next() -> None:
    vectors = answers([0, 0])
    vectors[PROBABILITIES] = np.array([[0.7, 0.2, 0.1], [0.4, 0.25, 0.35]], np.float32)
    rows = confusions(photo_set([0, 0]), vectors)["daisy"]["smallest_margin"]
    assert [(row["photo"], row["next"]) for row in rows] == [(1, "tulips"), (0, "roses")]
    assert rows[0]["margin"] == pytest.approx(np.log(0.4 / 0.35), abs=1e-5)


@pytest.mark.parametrize(
    ("truth", "answered", "classes"),
    [([0], [0], 2), ([0], [1], 2), ([], [], 3), ([1] * 9, [0] * 9, 3), (list(range(50)) * 3, list(range(50)) * 3, 50)],
)
def test_any_number_of_photos_and_classes_with_all_or_none_wrong(truth: list[int], answered: list[int], classes: int) -> None:
    photos = photo_set(truth, [f"class {place}" for place in range(classes)])
    vectors = answers(answered, classes)
    for result in (typical_photos(photos, vectors), confusions(photos, vectors)):
        assert len(result) == classes
        json.dumps(result, allow_nan=False)
    wrong = sum(row["wrong"] for row in confusions(photos, vectors).values())
    assert wrong == sum(true != answer for true, answer in zip(truth, answered, strict=True))
    assert sum(pair["count"] for pair in confused_pairs(photos, vectors)["pairs"]) == wrong


def test_of_few_photos_none_is_both_typical_and_least_typical() -> None:
    for count in (1, 2, 5, 9):
        features = np.random.default_rng(count).random((count, 4))
        typical = typical_photos(photo_set([0] * count), answers([0] * count, features=features))["daisy"]
        nearest, farthest = ({row["photo"] for row in typical[name]} for name in ("nearest", "least_typical"))
        assert (nearest & farthest, len(nearest | farthest)) == (set(), count)


def test_lists_are_bounded() -> None:
    photos, vectors = photo_set([0] * 100), answers([1] * 50 + [0] * 50)
    confused, typical = confusions(photos, vectors)["daisy"], typical_photos(photos, vectors)["daisy"]
    assert {len(confused[name]) for name in ("wrong_photos", "smallest_margin")} == {12}
    assert {len(typical[name]) for name in ("nearest", "most_certain", "least_typical")} == {8}


def test_a_photo_that_the_model_does_not_know_is_marked() -> None:
    vectors = {**answers([0, 1]), SCORE: np.array([[0.5], [1.5]], np.float32)}
    (row,) = confusions(photo_set([0, 0]), vectors)["daisy"]["wrong_photos"]
    assert (row["photo"], row["known"]) == (1, False)


@pytest.mark.parametrize("output", [PROBABILITIES, FEATURES])
def test_a_model_that_answers_with_nan_is_refused_in_one_sentence(output: str) -> None:
    vectors = answers([0, 1])
    vectors[output][1, 0] = np.nan
    with pytest.raises(InputError, match=f"answers 1 of 2 photos with {output} that are not numbers"):
        typical_photos(photo_set([0, 0]), vectors)


def test_a_model_with_other_classes_than_the_photos_is_refused() -> None:
    with pytest.raises(InputError, match="has 4 outputs, the photos have 3 classes"):
        confusions(photo_set([0]), answers([0], classes=4))
