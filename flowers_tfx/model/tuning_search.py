"""KerasTuner proposes training settings, and learns how good they were.

A search is a function of its settings and of what its trials say. KerasTuner's own files are not kept: a search that was interrupted starts
again, makes the same proposals, and trials that are known answer at once (tuning.py).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from typing import Any

import keras_tuner
from keras_tuner.engine import base_tuner

from flowers_tfx.config.training import TrainingConfig
from flowers_tfx.config.tuning import HYPERBAND, Range, Space, TuningConfig

OBJECTIVE = "log_loss"
_EPOCHS = "tuner/epochs"  # what Hyperband calls the epochs of a trial


class TrialFailed(Exception):
    """The settings of one trial gave no result; the search goes on."""


# Settings to the trial's log loss.
Judge = Callable[[Mapping[str, Any]], float]


def search_space(space: Space) -> keras_tuner.HyperParameters:
    parameters = keras_tuner.HyperParameters()
    for key, dimension in space.items():
        if not isinstance(dimension, Range):
            parameters.Choice(key, list(dimension))
        elif TrainingConfig.model_fields[key].annotation is int:
            parameters.Int(key, int(dimension.min), int(dimension.max), sampling=dimension.sampling)
        else:
            parameters.Float(key, dimension.min, dimension.max, sampling=dimension.sampling)
    return parameters


def hyperparameters_config(space: Space, values: Mapping[str, Any]) -> dict[str, Any]:
    """KerasTuner's configuration of these values, as TFX's Trainer reads it."""
    parameters = search_space(space)
    parameters.values = dict(values)
    config: dict[str, Any] = parameters.get_config()
    return config


def search(tuning: TuningConfig, seed: int, epochs: int, judge: Judge) -> None:
    """Asks `judge` about `tuning.trials` settings, fewer where the space has no more. `epochs`: of a fine-tuning trial at most.

    `judge` gets values of keys of `training`, and raises TrialFailed for those without a result.
    """
    with tempfile.TemporaryDirectory() as folder:
        oracle = _oracle(tuning, seed, epochs)
        oracle.verbose = 0
        tuner = _Tuner(judge, oracle=oracle, directory=folder, project_name="search", overwrite=True)
        try:
            tuner.search()
        except keras_tuner.errors.FatalError as error:
            raise error.__cause__ or error from None


class _Tuner(base_tuner.BaseTuner):
    def __init__(self, judge: Judge, **options: Any) -> None:
        self._judge = judge
        super().__init__(**options)

    def run_trial(self, trial: Any) -> dict[str, float]:
        values = dict(trial.hyperparameters.values)
        epochs = values.get(_EPOCHS)
        settings = {key: value for key, value in values.items() if not key.startswith("tuner/")}
        try:
            return {OBJECTIVE: self._judge({**settings, "fine_tune_epochs": epochs} if epochs else settings)}
        except TrialFailed as error:
            raise keras_tuner.errors.FailedTrialError(str(error)) from error
        except Exception as error:
            # KerasTuner would note any other error and go on.
            raise keras_tuner.errors.FatalError(str(error)) from error


def _oracle(tuning: TuningConfig, seed: int, epochs: int) -> keras_tuner.Oracle:
    options = {
        "objective": keras_tuner.Objective(OBJECTIVE, "min"),
        "hyperparameters": search_space(tuning.searched_space),
        "seed": seed + 1,  # to KerasTuner, 0 means any
        "max_consecutive_failed_trials": tuning.trials + 1,  # a failure says something of these settings only
    }
    if tuning.search == HYPERBAND:
        oracle = keras_tuner.oracles.HyperbandOracle(max_epochs=epochs, hyperband_iterations=tuning.trials, **options)
        oracle.max_trials = tuning.trials
        return oracle
    kind = keras_tuner.oracles.BayesianOptimizationOracle if tuning.search == "bayesian" else keras_tuner.oracles.RandomSearchOracle
    return kind(max_trials=tuning.trials, **options)
