"""What a search may vary, and what it may not."""

from __future__ import annotations

import pytest

from flowers_tfx.config import TrainingConfig, load_config
from flowers_tfx.config.training import FINE_TUNE_STAGE, HEAD_STAGE, tunable_keys
from flowers_tfx.config.tuning import Range, TuningConfig
from flowers_tfx.errors import InputError


def tuning(*overrides: str) -> TuningConfig:
    return load_config(None, overrides).tuning


def test_a_space_is_ranges_and_lists() -> None:
    space = tuning("tuning.space={dropout: [0.1, 0.2], head_learning_rate: {min: 1e-4, max: 1e-2, sampling: log}}").searched_space
    assert space == {"dropout": (0.1, 0.2), "head_learning_rate": Range(min=1e-4, max=1e-2, sampling="log")}


def test_choices_are_stored_as_the_section_training_would_store_them() -> None:
    config = tuning("tuning.search=hyperband", "tuning.space={augment: [all, none, [flip]], fine_tune_layers: [20, all]}")
    assert config.searched_space == {"augment": ("flip,crop,color", "none", "flip"), "fine_tune_layers": (20, -1)}
    for key, choices in config.searched_space.items():
        for choice in choices:
            TrainingConfig().with_values({key: choice})


@pytest.mark.parametrize("search", ["random", "bayesian", "hyperband"])
def test_the_usual_space_can_be_searched(search: str) -> None:
    config = tuning(f"tuning.search={search}", "tuning.trials=3")
    again = TuningConfig(**config.plain)
    assert again.space == config.searched_space
    assert again.plain == config.plain


@pytest.mark.parametrize(
    ("space", "reason"),
    [
        ("{seed: [1, 2]}", "seed changes nothing that a random search can judge"),
        ("{learning_rate: [0.1, 0.2]}", "learning_rate changes nothing"),
        ("{fine_tune_epochs: [1, 2]}", "fine_tune_epochs changes nothing"),
        ("{x: [1, 2]}", "x changes nothing"),
        ("{dropout: {min: 0, max: 1}}", "dropout cannot be 1.0: Input should be less than 1"),
        ("{dropout: [0.1, 7]}", "dropout cannot be 7"),
        ("{batch_size: {min: 1.5, max: 8}}", "batch_size cannot be 1.5"),
        ("{dropout: {min: 0, max: 0.5, sampling: log}}", "needs a min above 0"),
        ("{dropout: {min: 0.5, max: 0.5}}", "min must be less than max"),
        ("{class_weights: {min: 0, max: 1}}", "class_weights is not a number"),
        ("{dropout: {min: a, max: 2}}", "dropout.min: Input should be a valid number"),
        ("{dropout: {min: 0, max: 0.5, step: 2}}", "dropout.step"),
        ("{dropout: [0.1]}", "a list of two values or more"),
        ("{dropout: 3}", "a list of two values or more"),
        ("4", "must name keys of the section `training`"),
    ],
)
def test_what_cannot_be_searched_is_refused_with_its_reason(space: str, reason: str) -> None:
    with pytest.raises(InputError, match=r"^Configuration key tuning\.space: ") as caught:
        tuning(f"tuning.space={space}")
    assert reason in str(caught.value)


def test_settings_are_searched_or_imported() -> None:
    assert tuning("tuning.from=20260101T000000").source == "20260101T000000"
    with pytest.raises(InputError, match=r"tuning\.from"):
        tuning("tuning.from=run", "tuning.trials=1")


def test_a_stage_is_named_by_each_setting_that_changes_it() -> None:
    """Everything else is of the machine, of chance, or the budget of a Hyperband trial."""
    named = set(tunable_keys(HEAD_STAGE, FINE_TUNE_STAGE))
    assert set(TrainingConfig.model_fields) - named == {"start", "fine_tune_epochs", "seed", "precision", "xla"}
    assert set(tunable_keys(HEAD_STAGE)) < named
