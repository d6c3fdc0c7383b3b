"""Evaluator: TFX's own, with an optional baseline and a readable report.

Without a serving model the Baseline artifact exists but is marked; TFX's executor would try to load it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfx import types
from tfx.components.evaluator import constants, executor
from tfx.types import standard_component_specs
from tfx.types.standard_component_specs import BASELINE_MODEL_KEY

from flowers_tfx import storage
from flowers_tfx.components.artifacts import CERTIFICATE_FILE, HtmlReport, ParityCertificate
from flowers_tfx.components.evaluation_result import PAGE, confusion_matrix, scalars, write_report
from flowers_tfx.components.executor import OwnExecutor
from flowers_tfx.components.own_component import OwnBeamComponent
from flowers_tfx.features import EVALUATED_SPLIT
from flowers_tfx.model.evaluation_config import eval_config
from flowers_tfx.parity_certificate import Certificate, read_certificate
from flowers_tfx.registry import no_baseline_reason

CERTIFICATE = "certificate"  # an input of its own: TFX's executor does not know it


class ScalarMetrics(types.Artifact):
    """Numbers, as custom properties; no files."""

    TYPE_NAME = "system.Metrics"


class ClassificationMetrics(types.Artifact):
    """A confusion matrix, as the custom property `confusionMatrix` in the form that Kubeflow draws; no files."""

    TYPE_NAME = "system.ClassificationMetrics"


@dataclass(frozen=True)
class EvaluatorParameters:
    labels: list[str]
    min_accuracy: float
    max_drop: float


class EvaluatorExecutor(OwnExecutor[EvaluatorParameters], executor.Executor):
    COPIES_ARTIFACTS = False

    def work(self) -> None:
        baseline = self.input(BASELINE_MODEL_KEY)
        reason = no_baseline_reason(baseline.uri)
        left_out = {CERTIFICATE, *([BASELINE_MODEL_KEY] if reason else [])}
        inputs = {key: value for key, value in self.inputs.items() if key not in left_out}
        executor.Executor.Do(self, inputs, self.outputs, self.exec_properties)
        evaluation = write_report(
            self.output("evaluation").uri,
            labels=self.parameters.labels,
            blessed=bool(self.output("blessing").get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY)),
            run_id=self.run_id,
            floors=(self.parameters.min_accuracy, self.parameters.max_drop),
            baseline_version=baseline.get_string_custom_property("version"),
            no_baseline=reason or "",
            certificate=self._certificate(),
        )
        self._copy_page()
        for name, value in scalars(evaluation).items():
            self.output("metrics").set_float_custom_property(name, value)
        self.output("classification").set_json_value_custom_property("confusionMatrix", confusion_matrix(evaluation))

    def _certificate(self) -> Certificate:
        content = (storage.storage_path(self.input(CERTIFICATE).uri) / CERTIFICATE_FILE).read_bytes()
        return read_certificate(json.loads(content))

    def _copy_page(self) -> None:
        """Both may lie in a bucket: this executor runs on Beam, so nothing is copied to this machine."""
        source, target = (storage.storage_path(self.output(name).uri) for name in ("evaluation", "report"))
        if isinstance(target, Path):
            target.mkdir(parents=True, exist_ok=True)
        (target / PAGE).write_bytes((source / PAGE).read_bytes())


class Evaluator(OwnBeamComponent):
    STOCK_SPEC = standard_component_specs.EvaluatorSpec
    INPUTS = {CERTIFICATE: ParityCertificate}
    OUTPUTS = {"report": HtmlReport, "metrics": ScalarMetrics, "classification": ClassificationMetrics}
    EXECUTOR = EvaluatorExecutor

    def __init__(self, labels: list[str], min_accuracy: float, max_drop: float, **values: Any) -> None:
        super().__init__(
            eval_config=eval_config(labels, min_accuracy, max_drop),
            example_splits=json.dumps([EVALUATED_SPLIT]),
            fairness_indicator_thresholds="null",
            labels=labels,
            min_accuracy=min_accuracy,
            max_drop=max_drop,
            **values,
        )
