"""What the section `tuning` does to a run: whether a search is possible, and the settings of an earlier search."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from flowers_tfx.artifact_files import BEST_HYPERPARAMETERS_FILE
from flowers_tfx.config import PipelineConfig
from flowers_tfx.config.section import first_problem
from flowers_tfx.config.training import SERVING
from flowers_tfx.config.tuning import HYPERBAND
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.run_records import RunRecords
from flowers_tfx.orchestration.settings import metadata_connection
from flowers_tfx.storage import StoragePath, storage_path

_HINT = "Set tuning.from to a run id of `flowers runs`, or to a best_hyperparameters artifact of Tuner."


def resolve_tuning(config: PipelineConfig) -> PipelineConfig:
    """The config with the values of `tuning.from` in its section `training`: from there on they are settings like any others.

    Raises InputError for values that cannot be read, and for a search whose trials would train nothing.
    """
    if config.tuning.trials:
        _check_search(config)
    if not config.tuning.source:
        return config
    file, values = _read_values(config, config.tuning.source)
    try:
        training = config.training.with_values(values)
    except ValidationError as error:
        key, reason, value = first_problem(error)
        raise InputError(f"The settings in {file} cannot be used: training.{key}: {reason} (got {value!r}).", _HINT) from None
    return config.model_copy(update={"training": training})


def _check_search(config: PipelineConfig) -> None:
    tuning, training = config.tuning, config.training
    if training.start == SERVING:
        raise InputError(
            "A search trains from model.weights, not from the serving model.", "Set training.start to weights, or tuning.trials to 0."
        )
    if tuning.search == HYPERBAND:
        if config.model.pretrained and not training.fine_tunes:
            raise InputError(
                "A hyperband search tries ways to fine-tune, and this training does not.",
                "Set training.fine_tune_layers and fine_tune_epochs, or tuning.search to random.",
            )
    elif not config.model.pretrained or training.head_epochs < 1:
        raise InputError(
            f"A {tuning.search} search trains heads on the features of pretrained weights, and this training has no such stage.",
            "Set model.weights and training.head_epochs, or tuning.search to hyperband.",
        )


def _read_values(config: PipelineConfig, source: str) -> tuple[StoragePath, dict[str, Any]]:
    """The file, and the values of keys of `training` in it."""
    file = _file_of(config, source)
    try:
        values = json.loads(file.read_bytes())["values"]
    except OSError:
        raise InputError(f"The settings of the search {source} are not there: {file} cannot be read.", _HINT) from None
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{file} does not hold the best settings of a search.", _HINT) from None
    if not isinstance(values, dict) or not values:
        raise InputError(f"{file} names no settings.", _HINT)
    return file, values


def _file_of(config: PipelineConfig, source: str) -> StoragePath:
    path = storage_path(source)
    if not isinstance(path, Path):
        return path if path.name == BEST_HYPERPARAMETERS_FILE else path / BEST_HYPERPARAMETERS_FILE
    if path.is_file():
        return path
    if path.is_dir():
        return path / BEST_HYPERPARAMETERS_FILE
    records = RunRecords(metadata_connection(config))
    run = records.run(source) if records.exists() else None
    node = run.nodes.get("Tuner") if run else None
    artifact = node.output("best_hyperparameters") if node else None
    if artifact is None:
        reason = "is not a file, nor a run of this pipeline root" if run is None else "is a run without a finished search"
        raise InputError(f"{source} {reason}.", _HINT)
    return storage_path(artifact.uri) / BEST_HYPERPARAMETERS_FILE
