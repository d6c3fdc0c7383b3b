"""SelectInputs: the one node that looks at the data root and the registry. It says what it found in three strings, `window`,
`baseline` and `decisions`, and every node after it is a function of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.orchestration.portable import data_types
from tfx.types import artifact_utils, component_spec, standard_artifacts

from flowers_tfx.components.outside_driver import CACHE_KEY, OutsideDriver
from flowers_tfx.selection import Selection, select


class SelectInputsSpec(component_spec.ComponentSpec):
    PARAMETERS = {
        "data_root": component_spec.ExecutionParameter(type=str),
        "registry": component_spec.ExecutionParameter(type=str),
        "span_window": component_spec.ExecutionParameter(type=str),
        "labels": component_spec.ExecutionParameter(type=str),
        "settings_digest": component_spec.ExecutionParameter(type=str),
        "cache_key": component_spec.ExecutionParameter(type=str, optional=True),
    }
    INPUTS: dict[str, Any] = {}
    OUTPUTS = {
        "window": component_spec.ChannelParameter(type=standard_artifacts.String),
        "baseline": component_spec.ChannelParameter(type=standard_artifacts.String),
        "decisions": component_spec.ChannelParameter(type=standard_artifacts.String),
    }


class SelectInputsDriver(OutsideDriver):
    """Looks before the cache is asked, so that an unchanged world is a hit and a changed one a miss."""

    def look(self, execution_info: data_types.ExecutionInfo) -> Mapping[str, str]:
        return {CACHE_KEY: json.dumps(asdict(_look(execution_info.exec_properties)), sort_keys=True)}


class SelectInputsExecutor(base_executor.BaseExecutor):
    def Do(self, input_dict: dict[str, Any], output_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any]) -> None:
        self._log_startup(input_dict, output_dict, exec_properties)
        said = exec_properties.get(CACHE_KEY)  # absent where the runner calls no drivers
        selection = Selection(**json.loads(said)) if said else _look(exec_properties)
        for name, value in asdict(selection).items():
            artifact_utils.get_single_instance(output_dict[name]).value = value


class SelectInputs(base_component.BaseComponent):
    SPEC_CLASS = SelectInputsSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(SelectInputsExecutor)
    DRIVER_CLASS = SelectInputsDriver

    def __init__(self, data_root: str, registry: str, span_window: int | str, labels: list[str], settings_digest: str) -> None:
        spec = SelectInputsSpec(
            data_root=data_root,
            registry=registry,
            span_window=str(span_window),
            labels=json.dumps(labels),
            settings_digest=settings_digest,
            window=types.Channel(type=standard_artifacts.String),
            baseline=types.Channel(type=standard_artifacts.String),
            decisions=types.Channel(type=standard_artifacts.String),
        )
        super().__init__(spec=spec)


def _look(properties: dict[str, Any]) -> Selection:
    window = properties["span_window"]
    return select(
        properties["data_root"],
        properties["registry"],
        window if window == "all" else int(window),
        json.loads(properties["labels"]),
        properties["settings_digest"],
    )
