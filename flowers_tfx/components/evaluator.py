"""Evaluator: TFX's own, with a baseline that can be missing, and with a report that people can read.

Without a serving model the Baseline artifact is there but marked; the stock executor would try to load it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfx import types
from tfx.components.evaluator import constants, executor
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import artifact_utils, component_spec, standard_artifacts, standard_component_specs

from flowers_tfx import storage
from flowers_tfx.components.artifacts import ClassificationMetrics, HtmlReport, ScalarMetrics
from flowers_tfx.components.evaluation_result import PAGE, confusion_matrix, scalars, write_report
from flowers_tfx.model.evaluation_config import SPLIT, eval_config
from flowers_tfx.registry import no_baseline_reason


class EvaluatorSpec(standard_component_specs.EvaluatorSpec):
    PARAMETERS = {
        **standard_component_specs.EvaluatorSpec.PARAMETERS,
        "labels": component_spec.ExecutionParameter(type=str),
        "min_accuracy": component_spec.ExecutionParameter(type=float),
        "max_drop": component_spec.ExecutionParameter(type=float),
        "code": component_spec.ExecutionParameter(type=str),
    }
    OUTPUTS = {
        **standard_component_specs.EvaluatorSpec.OUTPUTS,
        "report": component_spec.ChannelParameter(type=HtmlReport),
        "metrics": component_spec.ChannelParameter(type=ScalarMetrics),
        "classification": component_spec.ChannelParameter(type=ClassificationMetrics),
    }


class EvaluatorExecutor(executor.Executor):
    def Do(
        self, input_dict: dict[str, list[types.Artifact]], output_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any]
    ) -> None:
        baseline = artifact_utils.get_single_instance(input_dict[standard_component_specs.BASELINE_MODEL_KEY])
        reason = no_baseline_reason(baseline.uri)
        if reason is not None:
            input_dict = {key: value for key, value in input_dict.items() if key != standard_component_specs.BASELINE_MODEL_KEY}
        super().Do(input_dict, output_dict, exec_properties)
        blessing = artifact_utils.get_single_instance(output_dict[standard_component_specs.BLESSING_KEY])
        home = artifact_utils.get_single_uri(output_dict[standard_component_specs.EVALUATION_KEY])
        evaluation = write_report(
            home,
            labels=json.loads(exec_properties["labels"]),
            blessed=bool(blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY)),
            run_id=(self._context and self._context.pipeline_run_id) or "",
            floors=(exec_properties["min_accuracy"], exec_properties["max_drop"]),
            baseline_version=baseline.get_string_custom_property("version"),
            no_baseline=reason or "",
        )
        page = storage.storage_path(artifact_utils.get_single_uri(output_dict["report"]))
        if isinstance(page, Path):
            page.mkdir(parents=True, exist_ok=True)
        (page / PAGE).write_bytes((storage.storage_path(home) / PAGE).read_bytes())
        metrics = artifact_utils.get_single_instance(output_dict["metrics"])
        for name, value in scalars(evaluation).items():
            metrics.set_float_custom_property(name, value)
        artifact_utils.get_single_instance(output_dict["classification"]).set_json_value_custom_property(
            "confusionMatrix", confusion_matrix(evaluation)
        )


class Evaluator(base_beam_component.BaseBeamComponent):
    SPEC_CLASS = EvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(EvaluatorExecutor)

    def __init__(
        self,
        examples: types.BaseChannel,
        model: types.BaseChannel,
        baseline_model: types.BaseChannel,
        schema: types.BaseChannel,
        labels: list[str],
        min_accuracy: float,
        max_drop: float,
        code: str,
    ) -> None:
        spec = EvaluatorSpec(
            examples=examples,
            model=model,
            baseline_model=baseline_model,
            schema=schema,
            eval_config=eval_config(labels, min_accuracy, max_drop),
            min_accuracy=min_accuracy,
            max_drop=max_drop,
            example_splits=json.dumps([SPLIT]),
            fairness_indicator_thresholds="null",
            labels=json.dumps(labels),
            code=code,
            evaluation=types.Channel(type=standard_artifacts.ModelEvaluation),
            blessing=types.Channel(type=standard_artifacts.ModelBlessing),
            report=types.Channel(type=HtmlReport),
            metrics=types.Channel(type=ScalarMetrics),
            classification=types.Channel(type=ClassificationMetrics),
        )
        super().__init__(spec=spec)
