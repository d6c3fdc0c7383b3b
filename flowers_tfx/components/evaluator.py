"""Evaluator: TFX's own, with a baseline that can be missing, and with a report that people can read.

Without a serving model the Baseline artifact is there but marked; the stock executor would try to load it.
"""

from __future__ import annotations

import json
from typing import Any

from tensorflow_model_analysis.proto import config_pb2
from tfx import types
from tfx.components.evaluator import constants, executor
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import artifact_utils, component_spec, standard_artifacts, standard_component_specs

from flowers_tfx.components.baseline import no_baseline_reason
from flowers_tfx.components.evaluation_result import write_report
from flowers_tfx.model.preprocessing import LABEL_ID
from flowers_tfx.model.signatures import EXAMPLES_SIGNATURE, LABELS_SIGNATURE

SPLIT = "test"
SLICES = ("label", "light_band", "size_band")
CALIBRATION_BINS = 10
CONFUSION = "confusion_matrix"


class EvaluatorSpec(standard_component_specs.EvaluatorSpec):  # type: ignore[misc]
    PARAMETERS = {
        **standard_component_specs.EvaluatorSpec.PARAMETERS,
        "labels": component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }


class EvaluatorExecutor(executor.Executor):  # type: ignore[misc]
    def Do(
        self, input_dict: dict[str, list[types.Artifact]], output_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any]
    ) -> None:
        baseline = artifact_utils.get_single_instance(input_dict[standard_component_specs.BASELINE_MODEL_KEY])
        reason = no_baseline_reason(baseline.uri)
        if reason is not None:
            input_dict = {key: value for key, value in input_dict.items() if key != standard_component_specs.BASELINE_MODEL_KEY}
        super().Do(input_dict, output_dict, exec_properties)
        blessing = artifact_utils.get_single_instance(output_dict[standard_component_specs.BLESSING_KEY])
        write_report(
            artifact_utils.get_single_uri(output_dict[standard_component_specs.EVALUATION_KEY]),
            labels=json.loads(exec_properties["labels"]),
            blessed=bool(blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY)),
            baseline_version=baseline.get_string_custom_property("version") or None,
            no_baseline=reason,
        )


class Evaluator(base_beam_component.BaseBeamComponent):  # type: ignore[misc]
    SPEC_CLASS = EvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(EvaluatorExecutor)

    def __init__(
        self,
        examples: types.BaseChannel,
        model: types.BaseChannel,
        baseline_model: types.BaseChannel,
        schema: types.BaseChannel,
        eval_config: config_pb2.EvalConfig,
        labels: list[str],
        code: str,
    ) -> None:
        spec = EvaluatorSpec(
            examples=examples,
            model=model,
            baseline_model=baseline_model,
            schema=schema,
            eval_config=eval_config,
            example_splits=json.dumps([SPLIT]),
            fairness_indicator_thresholds="null",
            labels=json.dumps(labels),
            code=code,
            evaluation=types.Channel(type=standard_artifacts.ModelEvaluation),
            blessing=types.Channel(type=standard_artifacts.ModelBlessing),
        )
        super().__init__(spec=spec)


def eval_config(labels: list[str], min_accuracy: float, max_drop: float) -> config_pb2.EvalConfig:
    """What is measured on `test`, the slices, and the floors: absolute, and against the serving model."""
    floors = config_pb2.MetricThreshold(
        value_threshold=config_pb2.GenericValueThreshold(lower_bound={"value": min_accuracy}),
        change_threshold=config_pb2.GenericChangeThreshold(
            direction=config_pb2.MetricDirection.HIGHER_IS_BETTER, absolute={"value": -max_drop}
        ),
    )
    overall = [
        config_pb2.MetricConfig(class_name="SparseCategoricalAccuracy", config='"name": "accuracy"', threshold=floors),
        config_pb2.MetricConfig(class_name="ExampleCount"),
        config_pb2.MetricConfig(class_name="MultiClassConfusionMatrixPlot", config=f'"name": "{CONFUSION}", "thresholds": [0.0]'),
    ]
    one_class = [
        config_pb2.MetricConfig(class_name="AUC"),
        config_pb2.MetricConfig(class_name="CalibrationPlot", config=f'"num_buckets": {CALIBRATION_BINS}'),
    ]
    binarize = config_pb2.BinarizationOptions(class_ids={"values": list(range(len(labels)))})
    model_spec = config_pb2.ModelSpec(
        signature_name=EXAMPLES_SIGNATURE,
        preprocessing_function_names=[LABELS_SIGNATURE],
        label_key=LABEL_ID,
        prediction_key="probabilities",
    )
    return config_pb2.EvalConfig(
        model_specs=[model_spec],
        slicing_specs=[config_pb2.SlicingSpec(), *(config_pb2.SlicingSpec(feature_keys=[key]) for key in SLICES)],
        metrics_specs=[
            config_pb2.MetricsSpec(metrics=overall),
            config_pb2.MetricsSpec(metrics=one_class, binarize=binarize),
        ],
    )
