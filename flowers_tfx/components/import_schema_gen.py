"""ImportSchemaGen: TFX's own hands on a file and is cached by its path; this one hands on the text, so a changed schema is a miss."""

from __future__ import annotations

import os
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import artifact_utils, component_spec, standard_artifacts
from tfx.utils import io_utils

SCHEMA_FILE = "schema.pbtxt"


class ImportSchemaGenSpec(component_spec.ComponentSpec):
    PARAMETERS = {"schema_text": component_spec.ExecutionParameter(type=str)}
    INPUTS: dict[str, Any] = {}
    OUTPUTS = {"schema": component_spec.ChannelParameter(type=standard_artifacts.Schema)}


class ImportSchemaGenExecutor(base_executor.BaseExecutor):
    def Do(self, input_dict: dict[str, Any], output_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any]) -> None:
        self._log_startup(input_dict, output_dict, exec_properties)
        uri = artifact_utils.get_single_uri(output_dict["schema"])
        io_utils.write_string_file(os.path.join(uri, SCHEMA_FILE), exec_properties["schema_text"])


class ImportSchemaGen(base_component.BaseComponent):
    SPEC_CLASS = ImportSchemaGenSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(ImportSchemaGenExecutor)

    def __init__(self, schema_text: str) -> None:
        super().__init__(spec=ImportSchemaGenSpec(schema_text=schema_text, schema=types.Channel(type=standard_artifacts.Schema)))
