"""Trainer's `run_fn`: from transformed Examples to an exported model. What training is stands in training.py."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tfx.components.trainer.fn_args_utils import FnArgs

from flowers_tfx import progress
from flowers_tfx.model.network import NetworkSettings
from flowers_tfx.model.picture_set import PictureSet
from flowers_tfx.model.preprocessing import parse_transformed
from flowers_tfx.model.signatures import export
from flowers_tfx.model.training import TrainingSettings, TrainResult, train


def run_fn(fn_args: FnArgs) -> None:
    """`custom_config["settings"]` is the JSON of orchestration.settings.model_settings."""
    settings = json.loads(fn_args.custom_config["settings"])
    labels = settings["labels"]
    network = network_settings(settings)
    result = train(
        network,
        training_settings(settings),
        picture_set(fn_args.train_files, network.image_size),
        picture_set(fn_args.eval_files, network.image_size),
        fn_args.model_run_dir,
        _report,
    )
    export(result.model, network.image_size, labels, _record(settings, result), fn_args.serving_model_dir)


def network_settings(settings: dict[str, Any]) -> NetworkSettings:
    return NetworkSettings(**settings["model"], classes=len(settings["labels"]))


def training_settings(settings: dict[str, Any]) -> TrainingSettings:
    values = settings["training"]
    return TrainingSettings(**{**values, "augment": tuple(values["augment"])})


def picture_set(patterns: Sequence[str], image_size: int) -> PictureSet:
    """The pictures of one split, in the order of Transform's files."""
    files = sorted(path for pattern in patterns for path in tf.io.gfile.glob(pattern))

    def read() -> tf.data.Dataset:
        records = tf.data.TFRecordDataset(files, compression_type="GZIP")
        return records.map(lambda record: parse_transformed(record, image_size), num_parallel_calls=2, deterministic=True)

    count = sum(1 for _ in tf.data.TFRecordDataset(files, compression_type="GZIP"))
    return PictureSet(count, read)


def _record(settings: dict[str, Any], result: TrainResult) -> dict[str, Any]:
    """How the model came about, as it lies beside it."""
    return {
        **settings,
        "chosen_stage": result.chosen_stage,
        "eval": dict(result.eval_metrics),
        "stages": {name: dict(metrics) for name, metrics in result.stage_metrics.items()},
        "epochs": result.trained_epochs,
    }


def _report(stage: str, done: int, total: int, _metrics: Any, seconds_left: float) -> None:
    progress.report(progress.Progress(stage.replace("_", " "), done, total, seconds_left))
