"""Maps from random masks: what the regression finds, and what it leaves out."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from flowers_tfx.explain.hidden_parts import HiddenParts
from flowers_tfx.explain.model_function import Floats, Pictures, Vectors
from flowers_tfx.explain.rise import Trials, evidence, fit_maps, run_trials, stretch

SIZE = 56


def trials(masks: int, seed: int = 0) -> Trials:
    picture = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    return run_trials(
        HiddenParts(picture), lambda pictures: {"number": np.arange(len(pictures), dtype=np.float32)[:, np.newaxis]}, masks, seed
    )


def one_cell(size: int = 28) -> Floats:
    weights = np.zeros((size, size), np.float32)
    weights[10:14, 4:8] = 1
    return weights


def test_the_map_of_a_sum_over_cells_has_its_weight_there() -> None:
    done = trials(512)
    values = (done.shown * one_cell()).sum(axis=(1, 2))[:, np.newaxis]
    (weights,) = fit_maps(done, values)
    assert weights[10:14, 4:8].mean() > 0
    assert weights[10:14, 4:8].mean() > 10 * np.abs(weights[:, 14:]).mean()


def test_two_values_have_the_maps_that_each_has_alone() -> None:
    done = trials(128)
    values = np.random.default_rng(1).normal(size=(128, 2)).astype(np.float32) + done.shown[:, 10, :2]
    assert fit_maps(done, values)[1] == pytest.approx(fit_maps(done, values[:, 1:])[0], abs=1e-5)


def test_answers_by_chance_leave_next_to_no_evidence() -> None:
    done = trials(256)
    weights = fit_maps(done, np.random.default_rng(1).normal(size=(256, 8)).astype(np.float32))
    assert (weights != 0).mean() < 0.3  # all of it without the limit of chance


def test_masks_come_in_pairs_that_show_everything_together() -> None:
    shown = trials(64).shown
    assert shown.shape == (64, 28, 28)
    assert shown[::2] + shown[1::2] == pytest.approx(np.ones((32, 28, 28)), abs=0.01)
    assert shown.mean() == pytest.approx(0.5, abs=0.001)


@pytest.mark.parametrize(("masks", "used"), [(1, 4), (4, 4), (6, 8)])
def test_few_masks(masks: int, used: int) -> None:
    done = trials(masks)
    assert len(done.shown) == used
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(fit_maps(done, done.vectors["number"])).all()


def test_the_seed_decides_the_masks() -> None:
    assert np.array_equal(trials(8).shown, trials(8).shown)
    assert not np.array_equal(trials(8).shown, trials(8, seed=1).shown)


def test_evidence_is_the_log_odds_and_stays_finite() -> None:
    probabilities = np.array([[0.5, 0.25, 0.25], [1, 0, 0]], np.float32)
    values = evidence(probabilities)
    assert values[0] == pytest.approx([0, -np.log(3), -np.log(3)], abs=1e-5)
    assert np.isfinite(values).all() and values[1, 0] > 10 and values[1, 1] < -10


def test_a_map_is_stretched_to_the_picture() -> None:
    stretched = stretch(one_cell(), 224)
    assert stretched.shape == (224, 224)
    assert stretched[88:104, 40:56].min() > 0.9 and stretched[:, 100:].max() == 0


def test_pictures_that_are_masked_stay_pictures() -> None:
    seen: list[Pictures] = []

    def answers(pictures: Pictures | list[Pictures]) -> Vectors:
        seen.extend(pictures)
        return {"number": np.zeros((len(pictures), 1), np.float32)}

    run_trials(HiddenParts(np.full((40, 40, 3), 70, np.uint8)), answers, 8)
    assert {(one.shape, one.dtype.name, int(one.min()), int(one.max())) for one in seen} == {((40, 40, 3), "uint8", 70, 70)}
