"""The checks of a map: orders, curves, correlations and the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from flowers_tfx.explain.curves import STEPS, run_curves
from flowers_tfx.explain.explanation import Quality
from flowers_tfx.explain.hidden_parts import BATCH_SIZE, HiddenParts, Screen
from flowers_tfx.explain.model_function import Pictures, Vectors
from flowers_tfx.explain.orders import edges, from_the_centre, pool, random_order
from flowers_tfx.explain.quality import judge, rank_correlation
from flowers_tfx.litert import PROBABILITIES

GOOD = Quality(0.2, 0.8, 0.5, 0.5, 0.4, 0.6, 0.4, 0.6, stability=0.8, randomised_correlation=0.2, completeness_error=0.01)


def top_left_answers(pictures: Pictures | Sequence[Pictures]) -> Vectors:
    """The first of two classes is as probable as the top left quarter is bright."""
    bright = np.array([one[: len(one) // 2, : len(one) // 2].mean() / 255 for one in pictures], np.float32)
    return {PROBABILITIES: np.stack([bright, 1 - bright], axis=1)}


def bright_corner(size: int = 56) -> Pictures:
    picture = np.zeros((size, size, 3), np.uint8)
    picture[: size // 2, : size // 2] = 255
    return picture


def test_curves_fall_first_where_the_order_begins_with_what_matters() -> None:
    order = np.zeros((14, 14), np.float32)
    order[:7, :7] = 1
    curves = run_curves(HiddenParts(bright_corner()), top_left_answers, [order, -order])
    deletion, insertion = curves.areas(0)
    assert curves.deletion.shape == (2, STEPS + 1, 2)
    assert deletion[0] < deletion[1] - 0.1
    assert insertion[0] > insertion[1] + 0.1
    # Both begin or end with the whole picture and with the empty one.
    assert curves.deletion[0, 0] == pytest.approx(curves.insertion[0, -1])
    assert curves.deletion[0, -1] == pytest.approx(curves.insertion[0, 0])
    assert curves.deletion[0, 0, 0] == pytest.approx(1)


def test_equal_values_come_in_random_order() -> None:
    flat = np.zeros((14, 14), np.float32)
    deletion, _ = run_curves(HiddenParts(bright_corner()), top_left_answers, [flat, from_corner()]).areas(0)
    assert deletion[0] > deletion[1] + 0.03


def from_corner() -> np.ndarray:
    rows = np.arange(14, dtype=np.float32)
    return -np.maximum(rows[:, np.newaxis], rows)


def test_few_pictures_are_in_memory() -> None:
    sizes = []

    def answers(pictures: Pictures | Sequence[Pictures]) -> Vectors:
        sizes.append(len(pictures))
        return top_left_answers(pictures)

    run_curves(HiddenParts(bright_corner()), answers, [random_order(14, 0)] * 3)
    assert max(sizes) <= BATCH_SIZE
    assert sum(sizes) == 3 * 2 * (STEPS + 1)


def test_what_is_shown_stays_and_what_is_hidden_is_blurred() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    shown = np.zeros((4, 4), np.uint8)
    shown[:, :2] = 255
    behind = HiddenParts(picture).behind(Screen(shown, (0, 0), 4))
    assert np.array_equal(behind[:, :20], picture[:, :20])
    assert behind[:, 44:].std() < picture[:, 44:].std() / 3
    assert behind[:, 44:].mean() == pytest.approx(picture.mean(), abs=10)


def test_orders_without_a_model() -> None:
    picture = np.full((56, 56, 3), 90, np.uint8)
    picture[:, 40:] = 200
    assert edges(picture, 14).argmax(axis=1).tolist() == [9] * 14 or edges(picture, 14).argmax(axis=1).tolist() == [10] * 14
    assert not edges(np.full((56, 56, 3), 90, np.uint8), 14).any()
    assert from_the_centre(5).argmax() == 12
    assert np.array_equal(random_order(6, 1), random_order(6, 1))
    assert not np.array_equal(random_order(6, 1), random_order(6, 2))


def test_pool_keeps_the_mean() -> None:
    values = np.random.default_rng(0).normal(size=(28, 28)).astype(np.float32)
    assert pool(values, 7).mean() == pytest.approx(values.mean(), abs=1e-5)


def test_rank_correlation() -> None:
    values = np.array([[1, 2], [3, 10]], np.float32)
    assert rank_correlation(values, values**3) == pytest.approx(1)
    assert rank_correlation(values, -values) == pytest.approx(-1)
    assert rank_correlation(values, np.zeros((2, 2), np.float32)) == 0
    # With ties, by hand: ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4.
    assert rank_correlation(np.array([[0, 1], [1, 2]], np.float32), np.array([[0, 1], [2, 3]], np.float32)) == pytest.approx(0.9486833)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"deletion_auc": 0.49}, "Hiding the parts"),
        ({"insertion_auc": 0.51}, "Showing only the parts"),
        ({"completeness_error": 0.2}, "add up"),
        ({"completeness_error": float("nan")}, "add up"),
        ({"stability": 0.0}, "changes a little"),
        ({"randomised_correlation": 0.95}, "random weights"),
    ],
)
def test_each_failing_check_is_a_sentence(changes: dict[str, float], sentence: str) -> None:
    (reason,) = judge(replace(GOOD, **changes))
    assert sentence in reason and reason.endswith(".")


def test_where_random_orders_leave_little_room_a_map_must_win_half_of_it() -> None:
    nearly_full = replace(GOOD, random_insertion_auc=0.96)
    assert judge(replace(nearly_full, insertion_auc=0.985)) == ()
    assert "Showing only" in judge(replace(nearly_full, insertion_auc=0.975))[0]


def test_a_map_that_passes_is_trustworthy_and_a_check_that_was_not_run_does_not_count() -> None:
    assert judge(GOOD) == ()
    assert judge(replace(GOOD, stability=None, randomised_correlation=None, completeness_error=None)) == ()
    assert replace(GOOD, reasons=("It is not.",)).trustworthy is False
