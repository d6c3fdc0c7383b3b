"""Trainer: TFX's own, with artifacts from buckets copied to this machine for run_fn, and a warm start from the serving model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tfx import types
from tfx.components.trainer import component
from tfx.components.trainer.executor import GenericExecutor
from tfx.dsl.components.base import executor_spec
from tfx.proto import trainer_pb2
from tfx.types import artifact_utils
from tfx.types.standard_component_specs import BASE_MODEL_KEY, CUSTOM_CONFIG_KEY

from flowers_tfx.components.local_artifacts import local_artifacts
from flowers_tfx.registry import no_baseline_reason


class TrainerExecutor(GenericExecutor):
    def Do(
        self, input_dict: dict[str, list[types.Artifact]], output_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any]
    ) -> None:
        with local_artifacts(input_dict, output_dict):
            inputs, properties = run_fn_inputs(input_dict, exec_properties)
            super().Do(inputs, output_dict, properties)


def run_fn_inputs(
    inputs: dict[str, list[types.Artifact]], exec_properties: dict[str, Any]
) -> tuple[dict[str, list[types.Artifact]], dict[str, Any]]:
    """Both with the origin of the base model for run_fn, or without the base model where Baseline has none."""
    if BASE_MODEL_KEY not in inputs:
        return inputs, exec_properties
    model = artifact_utils.get_single_instance(inputs[BASE_MODEL_KEY])
    if no_baseline_reason(model.uri):
        return {key: value for key, value in inputs.items() if key != BASE_MODEL_KEY}, exec_properties
    start = {name: model.get_string_custom_property(name) for name in ("version", "digest")}
    custom_config = {**json.loads(exec_properties[CUSTOM_CONFIG_KEY]), "start": start}
    return inputs, {**exec_properties, CUSTOM_CONFIG_KEY: json.dumps(custom_config)}


class Trainer(component.Trainer):
    """`settings` include the digest of the training code, which TFX's own cache key does not; `start`: the serving model that the weights
    are taken from at first, None without a warm start; `hyperparameters`: Tuner's, which change `settings`, None without a search."""

    CODE_MODULE = "flowers_tfx.model.trainer"

    def __init__(
        self,
        examples: types.BaseChannel,
        transform_graph: types.BaseChannel,
        schema: types.BaseChannel,
        settings: Mapping[str, Any],
        start: types.BaseChannel | None = None,
        hyperparameters: types.BaseChannel | None = None,
    ) -> None:
        super().__init__(
            custom_executor_spec=executor_spec.ExecutorClassSpec(TrainerExecutor),
            run_fn=f"{self.CODE_MODULE}.run_fn",
            examples=examples,
            transform_graph=transform_graph,
            schema=schema,
            base_model=start,
            hyperparameters=hyperparameters,
            train_args=trainer_pb2.TrainArgs(splits=["train"]),
            eval_args=trainer_pb2.EvalArgs(splits=["eval"]),
            custom_config={"settings": json.dumps(settings, sort_keys=True)},
        )
