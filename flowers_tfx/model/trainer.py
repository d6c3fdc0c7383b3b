"""Trainer's `run_fn`: from transformed Examples to an exported model. training.py holds the training itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import tensorflow as tf

from flowers_tfx.config.export import ExportConfig
from flowers_tfx.config.training import ModelConfig, TrainingConfig
from flowers_tfx.config.unknown import UnknownConfig
from flowers_tfx.model.preprocessing import parse_transformed
from flowers_tfx.model.representative_pictures import representative_pictures
from flowers_tfx.model.signatures import export
from flowers_tfx.model.splits import SplitSource
from flowers_tfx.model.training import TrainResult, train
from flowers_tfx.model.unknown_fit import fit_recognition


class TrainerArguments(Protocol):
    """The part of TFX's FnArgs that `run_fn` reads. Files are glob patterns."""

    custom_config: Mapping[str, Any]
    train_files: Sequence[str]
    eval_files: Sequence[str]
    model_run_dir: str
    serving_model_dir: str


def run_fn(fn_args: TrainerArguments) -> None:
    """`custom_config["settings"]` is the JSON of orchestration.settings.model_settings."""
    settings = json.loads(fn_args.custom_config["settings"])
    labels, model, training = settings["labels"], ModelConfig(**settings["model"]), TrainingConfig(**settings["training"])
    train_set, eval_set = (read_split(files, model.image_size) for files in (fn_args.train_files, fn_args.eval_files))
    result = train(model, len(labels), training, train_set, eval_set, fn_args.model_run_dir)
    recognition = fit_recognition(result, training, UnknownConfig(**settings["unknown"]), train_set, eval_set)
    representative = representative_pictures(train_set, training.seed) if ExportConfig(**settings["export"]).int8 else None
    record = _record(settings, result)
    export(result.network, model.image_size, labels, record, fn_args.serving_model_dir, representative, recognition)


def read_split(patterns: Sequence[str], image_size: int) -> SplitSource:
    """The pictures of one split, in the order of Transform's files."""
    files = sorted(path for pattern in patterns for path in tf.io.gfile.glob(pattern))

    def read() -> tf.data.Dataset:
        records = tf.data.TFRecordDataset(files, compression_type="GZIP")
        return records.map(lambda record: parse_transformed(record, image_size), num_parallel_calls=2, deterministic=True)

    count = sum(1 for _ in tf.data.TFRecordDataset(files, compression_type="GZIP"))
    return SplitSource(count, read)


def _record(settings: Mapping[str, Any], result: TrainResult) -> dict[str, Any]:
    """The training record that is stored beside the model."""
    return {
        **settings,
        "chosen_stage": result.chosen_stage,
        "eval": dict(result.eval_metrics),
        "stages": {name: dict(metrics) for name, metrics in result.stage_metrics.items()},
        "epochs": result.trained_epochs,
    }
