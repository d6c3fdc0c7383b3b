"""Trainer's `run_fn`: from transformed Examples to an exported model. training.py holds the training itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import tensorflow as tf

from flowers_tfx.config.export import ExportConfig
from flowers_tfx.config.training import ModelConfig, TrainingConfig
from flowers_tfx.config.unknown import UnknownConfig
from flowers_tfx.model.preprocessing import parse_transformed
from flowers_tfx.model.representative_pictures import representative_pictures
from flowers_tfx.model.signatures import export
from flowers_tfx.model.splits import SplitSource
from flowers_tfx.model.starting_model import StartingModel, read_starting_model
from flowers_tfx.model.training import TrainResult, train
from flowers_tfx.model.unknown_fit import fit_recognition


class TrainerArguments(Protocol):
    """The part of TFX's FnArgs that `run_fn` reads. Files are glob patterns; `base_model` is the folder of a model to start from,
    `hyperparameters` are those of a search, in KerasTuner's form."""

    custom_config: Mapping[str, Any]
    train_files: Sequence[str]
    eval_files: Sequence[str]
    model_run_dir: str
    serving_model_dir: str
    base_model: str | None
    hyperparameters: Mapping[str, Any] | None


def run_fn(fn_args: TrainerArguments) -> None:
    """In `custom_config`, "settings" is the JSON of orchestration.settings.model_settings and "start" the origin of `base_model`."""
    settings = json.loads(fn_args.custom_config["settings"])
    labels, model = settings["labels"], ModelConfig(**settings["model"])
    tuned = (fn_args.hyperparameters or {}).get("values", {})
    training = TrainingConfig(**settings["training"]).with_values(tuned)
    train_set, eval_set = (read_split(files, model.image_size) for files in (fn_args.train_files, fn_args.eval_files))
    result = train(model, len(labels), training, train_set, eval_set, fn_args.model_run_dir, _starting_model(fn_args))
    recognition = fit_recognition(result, training, UnknownConfig(**settings["unknown"]), train_set, eval_set)
    representative = representative_pictures(train_set, training.seed) if ExportConfig(**settings["export"]).int8 else None
    record = _record(settings, training, tuned, result)
    export(result.network, model.image_size, labels, record, fn_args.serving_model_dir, representative, recognition)


def _starting_model(fn_args: TrainerArguments) -> StartingModel | None:
    return read_starting_model(Path(fn_args.base_model), fn_args.custom_config["start"]) if fn_args.base_model else None


def read_split(patterns: Sequence[str], image_size: int) -> SplitSource:
    """The pictures of one split, in the order of Transform's files."""
    files = sorted(path for pattern in patterns for path in tf.io.gfile.glob(pattern))

    def read() -> tf.data.Dataset:
        records = tf.data.TFRecordDataset(files, compression_type="GZIP")
        return records.map(lambda record: parse_transformed(record, image_size), num_parallel_calls=2, deterministic=True)

    count = sum(1 for _ in tf.data.TFRecordDataset(files, compression_type="GZIP"))
    return SplitSource(count, read)


def _record(settings: Mapping[str, Any], training: TrainingConfig, tuned: Mapping[str, Any], result: TrainResult) -> dict[str, Any]:
    """The training record that is stored beside the model: `training` is what trained it, `tuning.configured` what a search began with."""
    configured = settings["training"]
    search = {"tuning": {**settings["tuning"], "configured": {key: configured[key] for key in tuned}}} if "tuning" in settings else {}
    return {
        **settings,
        "training": training.model_dump(mode="json"),
        **search,
        "chosen_stage": result.chosen_stage,
        "eval": dict(result.eval_metrics),
        "stages": {name: dict(metrics) for name, metrics in result.stage_metrics.items()},
        "epochs": result.trained_epochs,
        "head_epochs": result.head_epochs,
        "backbone_trained": result.backbone_trained,
        "start": dict(result.start.origin) if result.start else None,
    }
