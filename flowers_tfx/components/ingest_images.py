"""IngestImages: takes the photos of a CSV into the data root as a span, as `flowers ingest` does.

It looks outside, so a plain cache key would be wrong both ways. Its driver, which local and Beam runners call before they look into the
cache, makes the right one: photos that are nowhere in the data root always run, and a delivery that is there already has the key of
the run that took it in, which is recorded in the span's manifest.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

import apache_beam as beam
from tfx import types
from tfx.dsl.components.base import base_beam_component, base_beam_executor, executor_spec
from tfx.orchestration.portable import data_types
from tfx.types import artifact_utils, component_spec, standard_artifacts

from flowers_tfx.components.outside_driver import CACHE_KEY, OutsideDriver
from flowers_tfx.data.delivery import delivery_state
from flowers_tfx.data.ingest import IngestRequest, ingest
from flowers_tfx.data.spans import list_spans


class IngestImagesSpec(component_spec.ComponentSpec):
    PARAMETERS = {
        "csv": component_spec.ExecutionParameter(type=str),
        "labels": component_spec.ExecutionParameter(type=str),
        "data_root": component_spec.ExecutionParameter(type=str),
        "split_salt": component_spec.ExecutionParameter(type=str),
        "shards": component_spec.ExecutionParameter(type=int),
        "max_pixels": component_spec.ExecutionParameter(type=int),
        "code": component_spec.ExecutionParameter(type=str),
        "ingest_id": component_spec.ExecutionParameter(type=str, optional=True),
        "cache_key": component_spec.ExecutionParameter(type=str, optional=True),
    }
    INPUTS: dict[str, Any] = {}
    OUTPUTS = {"result": component_spec.ChannelParameter(type=standard_artifacts.String)}


class IngestImagesDriver(OutsideDriver):
    """Signs the execution: see the module's docstring."""

    def look(self, execution_info: data_types.ExecutionInfo) -> Mapping[str, str]:
        properties = execution_info.exec_properties
        spans = list_spans(properties["data_root"])
        state = delivery_state(properties["csv"], json.loads(properties["labels"]), spans)
        taken_in_by = [span.manifest["ingest_id"] for span in spans if span.manifest["delivery"] == state.digest]
        if not state.pending and not taken_in_by:
            return {CACHE_KEY: " ".join([state.digest, *(span.digest for span in spans)])}
        ingest_id = uuid.uuid4().hex if state.pending else taken_in_by[-1]
        return {"ingest_id": ingest_id, CACHE_KEY: ingest_id}


class IngestImagesExecutor(base_beam_executor.BaseBeamExecutor):
    def Do(self, input_dict: dict[str, Any], output_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any]) -> None:
        self._log_startup(input_dict, output_dict, exec_properties)
        request = IngestRequest(
            csv=exec_properties["csv"],
            labels=tuple(json.loads(exec_properties["labels"])),
            data_root=exec_properties["data_root"],
            span=None,
            split_salt=exec_properties["split_salt"],
            shards=exec_properties["shards"],
            max_pixels=exec_properties["max_pixels"],
            ingest_id=exec_properties.get("ingest_id") or "",
        )
        result = ingest(request, self._pipeline)
        artifact_utils.get_single_instance(output_dict["result"]).value = json.dumps(result.as_json())

    def _pipeline(self) -> beam.Pipeline:
        return self._make_beam_pipeline()


class IngestImages(base_beam_component.BaseBeamComponent):
    SPEC_CLASS = IngestImagesSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(IngestImagesExecutor)
    DRIVER_CLASS = IngestImagesDriver

    def __init__(self, csv: str, labels: list[str], data_root: str, split_salt: str, shards: int, max_pixels: int, code: str) -> None:
        spec = IngestImagesSpec(
            csv=csv,
            labels=json.dumps(labels),
            data_root=data_root,
            split_salt=split_salt,
            shards=shards,
            max_pixels=max_pixels,
            code=code,
            result=types.Channel(type=standard_artifacts.String),
        )
        super().__init__(spec=spec)
