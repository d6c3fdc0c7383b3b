"""Pusher: publishes a blessed model as the registry's next version, whole or not at all, with the record of what it was trained on.

TFX's own copies file by file into the folder that servers watch. Like IngestImages it writes outside, so its driver signs the
execution: a version that is gone from the registry is pushed again, one that is there is a hit.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfx import types
from tfx.components.pusher import executor
from tfx.components.util import model_utils
from tfx.dsl.components.base import base_component, executor_spec
from tfx.orchestration.portable import data_types
from tfx.types import artifact_utils, component_spec, standard_artifacts
from tfx.utils import io_utils

from flowers_tfx import registry
from flowers_tfx.components.carried import carried
from flowers_tfx.components.outside_driver import OutsideDriver
from flowers_tfx.selection import recipe


class PusherSpec(component_spec.ComponentSpec):
    PARAMETERS = {
        "registry": component_spec.ExecutionParameter(type=str),
        "window": component_spec.ExecutionParameter(type=str),
        "settings_digest": component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
        "push_id": component_spec.ExecutionParameter(type=str, optional=True),
    }
    INPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "model_blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
    }
    OUTPUTS = {"pushed_model": component_spec.ChannelParameter(type=standard_artifacts.PushedModel)}


class PusherDriver(OutsideDriver):
    """Signs the execution: see the module's docstring."""

    def look(self, execution_info: data_types.ExecutionInfo) -> Mapping[str, str]:
        properties = execution_info.exec_properties
        held = registry.newest_with_fingerprint(properties["registry"], recipe(properties["window"], properties["settings_digest"]))
        blessing = artifact_utils.get_single_instance(execution_info.input_dict["model_blessing"])
        return {"push_id": held.push_id if held else uuid.uuid4().hex if model_utils.is_model_blessed(blessing) else ""}


class PusherExecutor(executor.Executor):
    @carried
    def Do(self, input_dict: dict[str, Any], output_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any]) -> None:
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(output_dict["pushed_model"])
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            return
        model = self.GetModelPath(input_dict)
        window = exec_properties["window"]
        entry = registry.publish(
            Path(model),
            exec_properties["registry"],
            recipe(window, exec_properties["settings_digest"]),
            tuple(json.loads(window)),
            exec_properties.get("push_id") or uuid.uuid4().hex,
        )
        io_utils.copy_dir(model, pushed.uri)
        self._MarkPushed(pushed, str(registry.version_path(exec_properties["registry"], entry.version)), str(entry.version))


class Pusher(base_component.BaseComponent):
    SPEC_CLASS = PusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(PusherExecutor)
    DRIVER_CLASS = PusherDriver

    def __init__(
        self,
        model: types.BaseChannel,
        model_blessing: types.BaseChannel,
        registry: str,
        window: Any,
        settings_digest: str,
        code: str,
    ) -> None:
        spec = PusherSpec(
            model=model,
            model_blessing=model_blessing,
            registry=registry,
            window=window,
            settings_digest=settings_digest,
            code=code,
            pushed_model=types.Channel(type=standard_artifacts.PushedModel),
        )
        super().__init__(spec=spec)
