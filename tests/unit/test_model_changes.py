"""What changed against the serving model."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from flowers_tfx.errors import InputError
from flowers_tfx.explain.model_changes import model_changes
from flowers_tfx.explain.significance import holm, mcnemar, more_often
from flowers_tfx.litert import PROBABILITIES
from tests.unit.answered_photos import LABELS, answers, photo_set

TRUTH = [0, 0, 0, 1, 1, 1, 2, 2]
NOW = [0, 1, 1, 1, 0, 1, 0, 1]
BEFORE = [0, 0, 1, 0, 1, 1, 0, 0]
KINDS = ("both_right", "broken", "fixed", "same_wrong", "other_wrong")


def changes(now: list[int] = NOW, before: list[int] = BEFORE, truth: list[int] = TRUTH, **more: Any) -> dict[str, Any]:
    return model_changes(photo_set(truth), answers(now), LABELS, answers(before), **more)


def test_every_photo_is_of_one_kind_and_the_net_change_is_fixed_less_broken() -> None:
    result = changes(before=[0, 0, 1, 0, 1, 0, 0, 0])
    assert [result[kind] for kind in KINDS] == [1, 2, 2, 2, 1]
    assert (result["net"], result["p_value"]) == (0, 1)
    lists = {name: [row["photo"] for row in part["photos"]] for name, part in result["lists"].items()}
    assert lists == {"broken": [1, 4], "fixed": [3, 5], "other_wrong": [7]}
    row = result["lists"]["broken"]["photos"][0]
    assert (row["true"], row["answered"], row["serving_answered"]) == ("daisy", "roses", "daisy")
    assert result["to_explain"] == [1, 3, 4, 5, 7]
    json.dumps(result, allow_nan=False)


def test_the_change_is_counted_by_class_by_band_and_by_subgroup() -> None:
    bands = [{"light_band": "dark"}] * 2 + [{"light_band": "bright"}] * 5 + [{}]
    result = model_changes(photo_set(TRUTH, properties=bands), answers(NOW), LABELS, answers(BEFORE), {"blurred": [1, 4, 6]})
    rows = {(row["kind"], row["name"]): (row["photos"], row["broken"], row["fixed"], row["net"]) for row in result["groups"]}
    assert rows == {
        ("class", "daisy"): (3, 1, 0, -1),
        ("class", "roses"): (3, 1, 1, 0),
        ("class", "tulips"): (2, 0, 0, 0),
        ("property", "light band: dark"): (2, 1, 0, -1),
        ("property", "light band: bright"): (5, 1, 1, 0),
        ("subgroup", "blurred"): (3, 2, 0, -2),
    }


def test_a_class_that_lost_ten_photos_is_significant_after_the_correction() -> None:
    truth = [0] * 20 + [1] * 20
    result = changes([2] * 10 + [0] * 10 + [1] * 20, truth, truth)
    (daisy, roses) = result["groups"]
    assert (result["net"], result["p_value"]) == (-10, pytest.approx(2 * 0.5**10, abs=1e-6))
    assert daisy["adjusted_p_value"] == pytest.approx(4 * 0.5**10, abs=1e-6)
    assert roses["adjusted_p_value"] == 1


def test_labels_in_another_order_are_matched_by_name() -> None:
    order = [2, 0, 1]  # of the serving model's outputs
    serving = answers([order.index(place) for place in BEFORE])
    result = model_changes(photo_set(TRUTH), answers(NOW), [LABELS[place] for place in order], serving)
    assert [result[kind] for kind in KINDS] == [changes()[kind] for kind in KINDS]


def test_photos_of_a_class_that_the_serving_model_does_not_know_are_counted_apart() -> None:
    result = model_changes(
        photo_set(TRUTH), answers([0, 0, 0, 1, 1, 1, 2, 0]), ("roses", "daisy", "asters"), answers([1, 1, 2, 0, 0, 0, 1, 1])
    )
    assert (result["photos"], result["compared"], result["serving_right"]["count"]) == (8, 6, 5)
    assert sum(result[kind] for kind in KINDS) == 6
    assert (result["fixed"], result["lists"]["fixed"]["photos"][0]["serving_answered"]) == (1, "asters")
    assert result["new_classes"][0]["label"] == "tulips"
    assert (result["new_classes"][0]["right"], result["new_classes"][0]["photos"]) == (1, 2)
    assert result["removed_classes"] == ["asters"]
    assert "tulips" not in {row["name"] for row in result["groups"]}


def test_models_without_a_class_in_common_are_not_compared() -> None:
    result = model_changes(photo_set([0, 1]), answers([0, 1]), ("asters", "lilies"), answers([0, 1], classes=2))
    assert (result["compared"], result["right"]["share"], result["p_value"], result["groups"]) == (0, None, 1, [])


def test_the_same_model_changes_nothing() -> None:
    result = changes(NOW, NOW)
    assert [result[kind] for kind in KINDS] == [3, 0, 0, 5, 0]
    assert result["to_explain"] == []


def test_lists_are_bounded_with_the_total_and_the_most_certain_change_is_first() -> None:
    truth, sure = [0] * 60, np.linspace(0.5, 0.9, 60).tolist()
    result = model_changes(photo_set(truth), answers([1] * 30 + [0] * 30, certainty=sure), LABELS, answers([0] * 30 + [1] * 30))
    broken = result["lists"]["broken"]
    assert (broken["total"], len(broken["photos"]), broken["photos"][0]["photo"]) == (30, 12, 29)
    assert len(result["to_explain"]) == 20
    assert set(result["to_explain"]) <= {row["photo"] for part in result["lists"].values() for row in part["photos"]}
    few = model_changes(photo_set(truth), answers([1] * 60), LABELS, answers(truth), most_explained=3)
    assert len(few["to_explain"]) == 3


def test_a_serving_model_that_does_not_fit_its_names_or_answers_nan_is_refused() -> None:
    with pytest.raises(InputError, match="has 3 outputs and 2 class names"):
        model_changes(photo_set([0]), answers([0]), LABELS[:2], answers([0]))
    broken = answers([0])
    broken[PROBABILITIES][0, 0] = np.nan
    with pytest.raises(InputError, match="not numbers"):
        model_changes(photo_set([0]), answers([0]), LABELS, broken)


def test_no_photos() -> None:
    assert changes([], [], [])["photos"] == 0


def test_exact_tests_agree_with_tables() -> None:
    assert mcnemar(1, 9) == pytest.approx(22 / 1024)
    assert more_often(3, 4, 1, 4) == pytest.approx(17 / 70)  # the lady who tastes tea
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
