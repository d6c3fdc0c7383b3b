"""A search for training settings: its proposals, its photos, interruptions and failures, and what Tuner hands to Trainer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tfx.types import standard_artifacts

from flowers_tfx.components.artifacts import HtmlReport
from flowers_tfx.components.tuner import TunerExecutor
from flowers_tfx.config import ModelConfig, TrainingConfig, TuningConfig, load_config
from flowers_tfx.errors import ExplainedFailure, InputError
from flowers_tfx.model import tuning as tuning_module
from flowers_tfx.model.tuning import SearchRequest, tune
from flowers_tfx.model.tuning_comparison import compare_held_out
from flowers_tfx.model.tuning_photos import choose, hold_out
from flowers_tfx.model.tuning_search import search
from flowers_tfx.model.tuning_trials import PhotoScores
from flowers_tfx.orchestration.tuned_settings import resolve_tuning
from flowers_tfx.reports.tuning import Tuning
from tests.e2e.test_training import CLASSES, HEAD_ONLY, pretrained, split
from tests.pipeline.test_trainer import LABELS, SIZE, write_split

__all__ = ["pretrained"]  # a fixture

SPACE = {"dropout": {"min": 0.0, "max": 0.6}, "batch_size": [4, 8, 16]}


class FakeTrials:
    """The more dropout, the better; `fails`: the settings whose training raises."""

    def __init__(self, fails: Callable[[TrainingConfig], bool] = lambda settings: False) -> None:
        self.fails, self.run_settings = fails, []

    def run(self, settings: TrainingConfig) -> tuple[PhotoScores, int]:
        self.run_settings.append(settings)
        if self.fails(settings):
            raise ArithmeticError("no result")
        return self.score_held_out(settings), 7

    def score_held_out(self, settings: TrainingConfig) -> PhotoScores:
        return PhotoScores(np.linspace(0.9, 1.1, 40) - settings.dropout, np.ones(40))


@pytest.fixture()
def request_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[SearchRequest, FakeTrials]]:
    def make(fails: Callable[[TrainingConfig], bool] = lambda settings: False, **tuning: Any) -> tuple[SearchRequest, FakeTrials]:
        trials = FakeTrials(fails)
        for name in ("HeadTrials", "FineTuneTrials"):
            monkeypatch.setattr(tuning_module, name, lambda *arguments: trials)
        settings = TuningConfig(**{"trials": 6, "space": SPACE, **tuning})
        return SearchRequest(("a", "b", "c"), ModelConfig(), TrainingConfig(fine_tune_epochs=9), settings), trials

    return make


def run(request: SearchRequest, folder: Path) -> Tuning:
    return tune(request, split(40), split(12, seed=1), folder)


@pytest.mark.parametrize("kind", ["random", "bayesian", "hyperband"])
def test_a_search_is_repeatable_and_takes_the_best(kind: str, request_of: Any, tmp_path: Path) -> None:
    trials = 12
    found = [run(request_of(search=kind, trials=trials)[0], tmp_path / str(number)) for number in range(2)]
    assert [row.values for row in found[0].trials] == [row.values for row in found[1].trials]
    assert [row.number for row in found[0].trials] == list(range(trials + 1))
    assert found[0].trials[0].values == {"dropout": 0.2, "batch_size": 16}, "the configured settings come first"
    best = found[0].best_trial
    assert best.values["dropout"] == max(row.values["dropout"] for row in found[0].trials)
    assert found[0].comparison is not None
    assert found[0].comparison.verdict == "better"
    assert found[0].comparison.log_loss.difference == pytest.approx(0.2 - best.values["dropout"])


def test_hyperband_gives_all_epochs_to_few() -> None:
    proposed: list[Any] = []

    def judge(values: Any) -> float:
        proposed.append(values)
        return 1 - float(values["dropout"])

    search(TuningConfig(trials=13, search="hyperband", space={"dropout": SPACE["dropout"]}), seed=0, epochs=9, judge=judge)
    epochs = [values["fine_tune_epochs"] for values in proposed]
    assert len(proposed) == 13
    assert epochs.count(1) > epochs.count(3) >= epochs.count(9) > 0
    longest = max(values["dropout"] for values in proposed if values["fine_tune_epochs"] == 9)
    assert longest == max(values["dropout"] for values in proposed if values["fine_tune_epochs"] == 1), "the best goes on"


def test_no_better_trial_leaves_the_configured_settings(request_of: Any, tmp_path: Path) -> None:
    request, _ = request_of(space={"dropout": {"min": 0.0, "max": 0.1}})
    found = run(request, tmp_path)
    assert (found.best, found.comparison) == (0, None)
    assert found.best_trial.values == {"dropout": 0.2}


def test_a_trial_that_fails_is_a_row_and_no_end(request_of: Any, tmp_path: Path) -> None:
    request, _ = request_of(fails=lambda settings: settings.batch_size == 8, trials=10)
    found = run(request, tmp_path)
    failed = [row for row in found.trials if row.error]
    assert failed
    assert {row.values["batch_size"] for row in failed} == {8}
    assert {(row.log_loss, row.error) for row in failed} == {(None, "ArithmeticError: no result")}
    assert len(found.trials) == 11
    assert found.best_trial.values["batch_size"] != 8


def test_a_search_without_any_result_fails_with_the_reason(request_of: Any, tmp_path: Path) -> None:
    request, _ = request_of(fails=lambda settings: True)
    with pytest.raises(ExplainedFailure, match="All 7 trials failed: ArithmeticError: no result"):
        run(request, tmp_path)


@pytest.mark.parametrize("kind", ["random", "bayesian", "hyperband"])
def test_an_interrupted_search_goes_on_with_the_same_trials(kind: str, request_of: Any, tmp_path: Path) -> None:
    whole = run(request_of(search=kind, trials=10)[0], tmp_path / "whole")
    request, trials = request_of(search=kind, trials=10)

    def interrupt(settings: TrainingConfig) -> bool:
        if len(trials.run_settings) == 6:
            raise KeyboardInterrupt
        return False

    trials.fails = interrupt
    with pytest.raises(KeyboardInterrupt):
        run(request, tmp_path / "cut")
    request, trials = request_of(search=kind, trials=10)
    found = run(request, tmp_path / "cut")
    tried = {json.dumps(row.values, sort_keys=True) for row in found.trials}
    assert found.resumed >= 5
    assert len(trials.run_settings) == len(tried) - 5, "of the six that began, five ended"
    assert [(row.values, row.log_loss) for row in found.trials] == [(row.values, row.log_loss) for row in whole.trials]


def test_a_small_space_ends_the_search(request_of: Any, tmp_path: Path) -> None:
    found = run(request_of(space={"batch_size": [4, 8]}, trials=9)[0], tmp_path)
    assert sorted(row.values["batch_size"] for row in found.trials) == [4, 8, 16]


def test_photos_are_held_out_by_content() -> None:
    source = split(60)
    held = hold_out(source, 0.3)
    assert 5 < held.mask.sum() < 35
    parts = [choose(source, held.mask), choose(source, ~held.mask)]
    pictures = [{picture.tobytes() for picture, _ in part.read().as_numpy_iterator()} for part in parts]
    assert [len(part) for part in pictures] == [part.number for part in parts]
    assert not pictures[0] & pictures[1]
    again = hold_out(choose(source, np.arange(60) >= 20), 0.3)
    assert again.mask.tolist() == held.mask[20:].tolist()
    with pytest.raises(InputError, match="cannot be divided"):
        hold_out(split(3), 1e-9)


def test_the_interval_is_that_of_paired_photos() -> None:
    random = np.random.default_rng(0)
    hard = random.uniform(0, 5, 200)  # photos differ far more than the two settings
    better = PhotoScores(hard - 0.1 + random.normal(0, 0.05, 200), np.ones(200))
    comparison = compare_held_out(better, PhotoScores(hard, np.ones(200)))
    low, high = comparison.log_loss.interval or (0.0, 0.0)
    assert -0.12 < low < -0.1 < high < -0.08
    assert comparison.verdict == "better"
    assert comparison.accuracy.interval == (0.0, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "training"),
    [("random", HEAD_ONLY), pytest.param("hyperband", HEAD_ONLY.with_values({"fine_tune_layers": -1}), marks=pytest.mark.long)],
)
def test_real_trials(kind: str, training: TrainingConfig, pretrained: ModelConfig, tmp_path: Path) -> None:
    settings = training.with_values({"head_epochs": 2, "fine_tune_epochs": 2})
    trials = 1 if kind == "hyperband" else 2  # a fine-tuning takes seconds
    tuning = TuningConfig(trials=trials, search=kind)
    request = SearchRequest(tuple("abc")[:CLASSES], pretrained, settings, tuning)
    found = tune(request, split(60), split(24, seed=1), tmp_path)
    assert [row.error for row in found.trials] == [""] * (trials + 1)
    assert all(row.log_loss is not None and 0 < row.log_loss < 5 for row in found.trials)
    assert sum(found.photos[part] for part in ("search", "held_out")) == 60
    if found.comparison:
        assert found.comparison.photos == found.photos["held_out"]


def tuner_files(tmp_path: Path, request: SearchRequest) -> dict[str, Path]:
    """Runs Tuner's executor on Transform's files."""
    examples = standard_artifacts.Examples()
    examples.uri, examples.split_names = str(tmp_path / "examples"), json.dumps(["train", "eval"])
    for name, number in (("train", 40), ("eval", 12)):
        (tmp_path / "examples" / f"Split-{name}").mkdir(parents=True, exist_ok=True)
        write_split(tmp_path / "examples" / f"Split-{name}" / "part.gz", number)
    kinds = {
        "best_hyperparameters": standard_artifacts.HyperParameters,
        "tuner_results": standard_artifacts.TunerResults,
        "report": HtmlReport,
    }
    outputs = {}
    for name, kind in kinds.items():
        outputs[name] = kind()
        outputs[name].uri = str(tmp_path / "Tuner" / name / "1")
    settings = {
        "labels": LABELS,
        "model": request.model.model_dump(),
        "training": request.training.model_dump(mode="json"),
        "tuning": request.tuning.plain,
    }
    TunerExecutor().Do(
        {"examples": [examples]}, {name: [one] for name, one in outputs.items()}, {"settings": json.dumps(settings), "code": "c"}
    )
    return {name: Path(one.uri) for name, one in outputs.items()}


def test_trainer_reads_what_tuner_wrote(request_of: Any, tmp_path: Path) -> None:
    request, _ = request_of()
    request = SearchRequest(request.labels, ModelConfig(image_size=SIZE, weights="none"), request.training, request.tuning)
    folders = tuner_files(tmp_path, request)
    (file,) = folders["best_hyperparameters"].iterdir()  # TFX's Trainer reads the only file
    values = json.loads(file.read_text())["values"]
    table = json.loads((folders["tuner_results"] / "tuning.json").read_text())
    assert values == next(row["values"] for row in table["trials"] if row["number"] == table["best"])
    rows = json.loads((folders["tuner_results"] / "tuner_results.json").read_text())
    assert [row["score"] for row in rows] == sorted(row["log_loss"] for row in table["trials"])
    assert (folders["report"] / "report.html").read_bytes() == (folders["tuner_results"] / "report.html").read_bytes()
    assert not (tmp_path / "Tuner" / ".system" / "searches").exists(), "what an interrupted search needs is not kept"
    imported = resolve_tuning(load_config(None, [f"tuning.from={file.parent}", "training.seed=3"]))
    assert imported.training == TrainingConfig(seed=3).with_values(values)


def test_a_killed_search_is_found_by_the_next_run(request_of: Any, tmp_path: Path) -> None:
    request, trials = request_of()
    request = SearchRequest(request.labels, ModelConfig(image_size=SIZE, weights="none"), request.training, request.tuning)

    def interrupt(settings: TrainingConfig) -> bool:
        if len(trials.run_settings) == 4:
            raise KeyboardInterrupt
        return False

    trials.fails = interrupt
    with pytest.raises(KeyboardInterrupt):
        tuner_files(tmp_path, request)
    trials.fails = lambda settings: False
    folders = tuner_files(tmp_path, request)
    assert json.loads((folders["tuner_results"] / "tuning.json").read_text())["resumed"] == 3


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"values": {"dropout": 7}}', r"training\.dropout: Input should be less than 1"),
        ('{"values": {"color": 7}}', r"training\.color"),
        ('{"values": {}}', "names no settings"),
        ("[]", "does not hold the best settings"),
        ("{", "does not hold the best settings"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(content: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "best.txt").write_text(content)
    with pytest.raises(InputError, match=reason):
        resolve_tuning(load_config(None, [f"tuning.from={tmp_path / 'best.txt'}"]))


def test_a_search_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a file, nor a run"):
        resolve_tuning(load_config(None, ["tuning.from=20260101T000000", f"pipeline_root={tmp_path}"]))
    with pytest.raises(InputError, match="cannot be read"):
        resolve_tuning(load_config(None, [f"tuning.from={tmp_path}"]))
