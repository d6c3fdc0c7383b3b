"""Runs that are compared: which, by what, and each model against one of them on the same photos."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flowers_tfx.errors import InputError
from flowers_tfx.experiments import latency
from flowers_tfx.experiments.answers import ask_models
from flowers_tfx.experiments.comparison import Comparison, Question, compare_runs
from flowers_tfx.experiments.contestants import Contestant, LoadedContestant
from flowers_tfx.experiments.page import render_page
from flowers_tfx.experiments.pairs import compare_pairs
from flowers_tfx.experiments.run_settings import differing_settings
from tests.unit.experiment_store import LABELS, Store, evaluation, write_span


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three runs that ended, the best in the middle; one that its review blocked, one whose training failed."""
    store = Store(tmp_path)
    store.add_run("r1", {"model": {"alpha": 0.35, "backbone": "MobileNetV2"}, "training": {"augment": ["flip"]}}, evaluation(0.80))
    store.add_run("r2", {"model": {"alpha": 0.5, "backbone": "MobileNetV2"}, "training": {"augment": []}}, evaluation(0.90))
    store.add_run("r3", {"model": {"alpha": 0.5, "backbone": "MobileNet"}, "training": {"augment": ["flip"]}}, evaluation(0.85))
    store.add_run("r4", {}, failed="DataGate", verdict="blocked")
    store.add_run("r5", {"model": {"alpha": 9.0}}, failed="Trainer")
    return store


def compared(store: Store, *where: str, **question: Any) -> Comparison:
    return compare_runs(store.config, Question(where=where, **question))


def run_ids(comparison: Comparison) -> list[str]:
    return [one.run_id for one in comparison.experiments]


def test_runs_are_ordered_by_the_metric_and_those_without_it_come_last(store: Store) -> None:
    comparison = compared(store)
    assert run_ids(comparison) == ["r2", "r3", "r1", "r5", "r4"]
    assert comparison.best is not None and comparison.best.run_id == "r2"
    # The calibration error of the most accurate run is the smallest here, and less is better.
    assert run_ids(compared(store, metric="calibration_error"))[:3] == ["r2", "r3", "r1"]
    assert run_ids(compared(store, metric="accuracy.label.roses"))[:3] == ["r2", "r3", "r1"]


def test_only_settings_that_differ_are_shown_and_a_blocked_run_lacks_them(store: Store) -> None:
    value = compared(store, "status!=failed").as_json()
    assert value["differing"] == ["model.alpha", "model.backbone", "training.augment"]
    runs = {run["run_id"]: run for run in value["runs"]}
    assert (runs["r4"]["status"], runs["r4"]["review"], runs["r4"]["settings"]) == ("blocked", "blocked", {"span_window": "all"})
    assert runs["r1"]["metrics"]["accuracy"]["interval"] == pytest.approx([0.711, 0.867], abs=1e-3)
    assert runs["r1"]["metrics"]["accuracy.label.daisy"]["photos"] == 50
    assert differing_settings([{"a": 1, "b": [1]}, {"a": 1, "b": [2]}, {}]) == ["b"]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (["model.alpha=0.5"], {"r2", "r3"}),
        (["model.alpha=0.50", "model.backbone=MobileNet"], {"r3"}),
        (["model.alpha!=0.5"], {"r1", "r5"}),
        (["accuracy >= 0.85"], {"r2", "r3"}),
        (["accuracy<0.85"], {"r1"}),
        (["training.augment=flip"], {"r1", "r3"}),
        (["training.augment=none"], {"r2"}),
        (["status=blocked"], {"r4"}),
        (["blessed=true", "review=pass"], {"r1", "r2", "r3"}),
    ],
)
def test_where_chooses_runs(store: Store, where: list[str], expected: set[str]) -> None:
    assert set(run_ids(compared(store, *where))) == expected


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("model.alpha", "not a condition"),
        ("=3", "not a condition"),
        ("model.alfa=1", "model.alpha"),
        ("model.backbone>3", "only numbers"),
        ("accuracy>high", "only numbers"),
        ("accuracy>2", "None of 5 runs"),
        ("x" * 5000, "not a condition"),
    ],
)
def test_a_condition_that_cannot_be_used_says_why(store: Store, where: str, words: str) -> None:
    with pytest.raises(InputError) as raised:
        compared(store, where)
    assert words in f"{raised.value.message} {raised.value.hint}"


def test_an_unknown_metric_names_the_nearest(store: Store) -> None:
    with pytest.raises(InputError) as raised:
        compared(store, metric="acuracy")
    assert "accuracy" in raised.value.hint


def test_the_newest_runs_are_kept_and_the_others_counted(store: Store) -> None:
    comparison = compared(store, last=2)
    assert (set(run_ids(comparison)), comparison.left_out) == ({"r4", "r5"}, 3)


def test_an_evaluation_that_was_removed_is_named(store: Store) -> None:
    (store.home / "evaluations" / "r2" / "report.json").unlink()
    (one,) = [one for one in compared(store).experiments if one.run_id == "r2"]
    assert "accuracy" not in one.metrics
    assert "report.json" in one.missing[0]


def photos(right: str) -> dict[tuple[str, str], bool]:
    return {(str(place), "roses"): answer == "1" for place, answer in enumerate(right)}


def test_mcnemar_counts_only_photos_that_one_of_two_models_answers_right() -> None:
    reference = photos("1" * 90 + "0" * 10)
    better = photos("1" * 100)
    worse = photos("1" * 80 + "0" * 20)
    pairs = compare_pairs({"ref": reference, "better": better, "worse": worse, "same": reference}, "ref", ["better", "worse", "same"])
    assert (pairs["better"].gained, pairs["better"].lost, pairs["better"].both_right) == (10, 0, 90)
    assert pairs["better"].p_value == pytest.approx(2 * 0.5**10)
    # Holm: the smallest p-value counts three times, as many as there are comparisons; the largest once.
    assert pairs["better"].adjusted == pytest.approx(3 * 2 * 0.5**10)
    assert [pairs[name].verdict for name in ("better", "worse", "same")] == ["better", "worse", "undecided"]
    assert pairs["same"].adjusted == 1.0
    low, high = pairs["better"].interval or (0, 0)
    assert 0 < low < 0.1 < high


def test_many_comparisons_need_a_smaller_p_value() -> None:
    reference, other = photos("1" * 20), photos("0" * 6 + "1" * 14)
    one = compare_pairs({"ref": reference, "a": other}, "ref", ["a"])
    assert one["a"].verdict == "worse"
    names = [f"m{number}" for number in range(10)]
    many = compare_pairs({"ref": reference, "a": other, **dict.fromkeys(names, reference)}, "ref", ["a", *names])
    assert many["a"].verdict == "undecided"


def test_only_photos_of_both_test_sets_count() -> None:
    reference, other = photos("11"), {**photos("0"), ("1", "daisy"): False, ("9", "roses"): False}
    pair = compare_pairs({"ref": reference, "a": other}, "ref", ["a"])["a"]
    assert (pair.photos, pair.lost) == (1, 1)
    empty = compare_pairs({"ref": reference, "a": {}}, "ref", ["a"])["a"]
    assert (empty.photos, empty.difference, empty.interval, empty.verdict) == (0, None, None, "undecided")


class Always:
    """A model that always answers the class at `place`."""

    image_size = 8

    def __init__(self, place: int, classes: int) -> None:
        self._probabilities = np.eye(classes, dtype=np.float32)[place]

    def __call__(self, picture: Any) -> Mapping[str, Any]:
        assert picture.shape == (8, 8, 3)
        return {"probabilities": self._probabilities}


def contestant(name: str, place: int, spans: tuple[str, ...], labels: tuple[str, ...] = LABELS) -> LoadedContestant:
    return LoadedContestant(Contestant(name, Path(name), spans), labels, Always(place, len(labels)))  # type: ignore[arg-type]


def test_models_answer_the_photos_of_their_own_test_sets(tmp_path: Path) -> None:
    first, second = "a" * 64, "b" * 64
    names = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(4)]
    write_span(tmp_path, 1, first, {names[0]: "daisy", names[1]: "roses"})
    write_span(tmp_path, 2, second, {names[2]: "daisy", names[3]: "tulips"})
    answers = ask_models(
        str(tmp_path),
        [contestant("old", 0, (first,)), contestant("new", 1, (first, second)), contestant("lost", 0, ("c" * 64,))],
    )
    assert answers.right["old"] == {(names[0], "daisy"): True, (names[1], "roses"): False}
    # Tulips are a class that it does not know.
    assert answers.right["new"] == {(names[0], "daisy"): False, (names[1], "roses"): True, (names[2], "daisy"): False}
    assert (answers.right["lost"], answers.missing, answers.asked) == ({}, ("c" * 64,), 4)


def test_a_span_of_which_a_photo_was_forgotten_is_still_the_span_of_the_run(tmp_path: Path) -> None:
    names = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(2)]
    write_span(tmp_path, 1, "b" * 64, dict.fromkeys(names, "daisy"), earlier=["a" * 64])
    answers = ask_models(str(tmp_path), [contestant("before", 0, ("a" * 64,)), contestant("after", 0, ("b" * 64,))])
    assert len(answers.right["before"]) == len(answers.right["after"]) == 2
    assert answers.missing == ()


def test_of_very_many_photos_every_model_gets_the_same_ones(tmp_path: Path) -> None:
    names = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(200)]
    write_span(tmp_path, 1, "a" * 64, dict.fromkeys(names, "roses"))
    answers = ask_models(str(tmp_path), [contestant("one", 0, ("a" * 64,)), contestant("two", 1, ("a" * 64,))], most=100)
    assert answers.right["one"].keys() == answers.right["two"].keys()
    assert answers.photos == 200
    assert 70 < answers.asked < 130


def test_models_take_turns_while_they_are_timed() -> None:
    calls: list[str] = []

    def steps(name: str) -> latency.Steps:
        return (lambda photo: calls.append(name)), (lambda picture: None)

    times = latency.time_in_turns({"a": steps("a"), "b": steps("b")}, [b"1", b"2"], rounds=2)
    assert calls == ["a", "b", *"abab", *"baba"]
    assert {name: len(rows) for name, rows in times.items()} == {"a": 4, "b": 4}


def test_the_page_needs_no_other_file_and_escapes_what_it_shows(store: Store) -> None:
    store.add_run("r6", {"model": {"alpha": 0.5, "backbone": "<script>alert(1)</script>"}}, evaluation(0.7))
    page = render_page(compared(store))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "model.alpha=0.35" in page
    for run_id in ("r1", "r2", "r3", "r4", "r5", "r6"):
        assert run_id in page
