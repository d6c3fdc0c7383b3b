"""DriftValidator: compares the photos that the serving model was not trained on with those that it was, and the newest span with the one
before it. It stops nothing: DataReview decides."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import artifact_utils, component_spec, standard_artifacts

from flowers_tfx import registry
from flowers_tfx.components.artifacts import DriftReview, PhotoSample
from flowers_tfx.components.carried import carried
from flowers_tfx.data.windows import window_spans
from flowers_tfx.review.comparison_files import write_comparison
from flowers_tfx.review.embeddings import embedder_of_run
from flowers_tfx.review.schema_findings import schema_changes
from flowers_tfx.review.thumbnails import read_thumbnails
from flowers_tfx.review.window_comparisons import compare_window, named_spans
from flowers_tfx.validation import Policy


class DriftValidatorSpec(component_spec.ComponentSpec):
    PARAMETERS = {
        "data_root": component_spec.ExecutionParameter(type=str),
        "window": component_spec.ExecutionParameter(type=str),
        "baseline": component_spec.ExecutionParameter(type=str),
        "policy": component_spec.ExecutionParameter(type=str),
        "network": component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "sample": component_spec.ChannelParameter(type=PhotoSample),
        "baseline_schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
    }
    OUTPUTS = {"review": component_spec.ChannelParameter(type=DriftReview)}


class DriftValidatorExecutor(base_executor.BaseExecutor):
    @carried
    def Do(self, input_dict: dict[str, Any], output_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any]) -> None:
        self._log_startup(input_dict, output_dict, exec_properties)
        sample_home = Path(artifact_utils.get_single_uri(input_dict["sample"]))
        schemas = (artifact_utils.get_single_uri(input_dict[name]) for name in ("baseline_schema", "schema"))
        window = window_spans(exec_properties["data_root"], exec_properties["window"])
        serving = None if exec_properties["baseline"] == registry.NO_BASELINE else json.loads(exec_properties["baseline"])
        policy = Policy.from_json(exec_properties["policy"])
        embedder = embedder_of_run(exec_properties["network"])
        main, further = compare_window(window, serving, sample_home, policy, embedder)
        main = replace(main, review=main.review.with_findings(schema_changes(*schemas)))
        write_comparison(
            Path(artifact_utils.get_single_uri(output_dict["review"])),
            main,
            further,
            named_spans(window, main.review.new["spans"]),
            embedder.name if embedder else "",
            main.thumbnails(known=read_thumbnails(sample_home)),
        )


class DriftValidator(base_component.BaseComponent):
    SPEC_CLASS = DriftValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(DriftValidatorExecutor)

    def __init__(
        self,
        data_root: str,
        window: Any,
        baseline: Any,
        sample: types.BaseChannel,
        baseline_schema: types.BaseChannel,
        schema: types.BaseChannel,
        policy: str,
        network: str,
        code: str,
    ) -> None:
        spec = DriftValidatorSpec(
            data_root=data_root,
            window=window,
            baseline=baseline,
            sample=sample,
            baseline_schema=baseline_schema,
            schema=schema,
            policy=policy,
            network=network,
            code=code,
            review=types.Channel(type=DriftReview),
        )
        super().__init__(spec=spec)
