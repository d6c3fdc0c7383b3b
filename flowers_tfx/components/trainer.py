"""Trainer: TFX's own, with artifacts from buckets copied to this machine for run_fn."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tfx import types
from tfx.components.trainer import component
from tfx.components.trainer.executor import GenericExecutor
from tfx.dsl.components.base import executor_spec
from tfx.proto import trainer_pb2

from flowers_tfx.components.local_artifacts import local_artifacts


class TrainerExecutor(GenericExecutor):
    def Do(
        self, input_dict: dict[str, list[types.Artifact]], output_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any]
    ) -> None:
        with local_artifacts(input_dict, output_dict):
            super().Do(input_dict, output_dict, exec_properties)


class Trainer(component.Trainer):
    """`settings` include the digest of the training code, which TFX's own cache key does not."""

    def __init__(
        self, examples: types.BaseChannel, transform_graph: types.BaseChannel, schema: types.BaseChannel, settings: Mapping[str, Any]
    ) -> None:
        super().__init__(
            custom_executor_spec=executor_spec.ExecutorClassSpec(TrainerExecutor),
            run_fn="flowers_tfx.model.trainer.run_fn",
            examples=examples,
            transform_graph=transform_graph,
            schema=schema,
            train_args=trainer_pb2.TrainArgs(splits=["train"]),
            eval_args=trainer_pb2.EvalArgs(splits=["eval"]),
            custom_config={"settings": json.dumps(settings, sort_keys=True)},
        )
