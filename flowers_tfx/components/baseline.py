"""Baseline: hands on the serving model that a candidate is compared with.

A TFX component cannot leave an output out, so without a serving model the artifact is there and marked: `reason` says why.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import artifact_utils, component_spec, standard_artifacts
from tfx.utils import path_utils

from flowers_tfx import registry
from flowers_tfx.errors import InputError

NONE_FILE = "none.txt"


class BaselineSpec(component_spec.ComponentSpec):
    PARAMETERS = {
        "registry": component_spec.ExecutionParameter(type=str),
        "baseline": component_spec.ExecutionParameter(type=str),
        "labels": component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: dict[str, Any] = {}
    OUTPUTS = {"model": component_spec.ChannelParameter(type=standard_artifacts.Model)}


class BaselineExecutor(base_executor.BaseExecutor):
    def Do(self, input_dict: dict[str, Any], output_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any]) -> None:
        self._log_startup(input_dict, output_dict, exec_properties)
        artifact = artifact_utils.get_single_instance(output_dict["model"])
        home = Path(artifact.uri)
        said = exec_properties["baseline"]
        if said == registry.NO_BASELINE:
            _mark_none(home, "the registry holds no model of another recipe")
            return
        wanted = json.loads(said)
        model = registry.local_registry(exec_properties["registry"]) / str(wanted["version"])
        if not model.is_dir() or registry.model_digest(model) != wanted["digest"]:
            raise InputError(
                f"Version {wanted['version']} of the registry is gone or was changed after it was pushed.", f"Look into {model}."
            )
        labels = (model / registry.LABELS_FILE).read_text(encoding="utf-8").splitlines()
        if labels != json.loads(exec_properties["labels"]):
            _mark_none(home, f"the serving model, version {wanted['version']}, knows other classes ({', '.join(labels)})")
            return
        shutil.copytree(model, path_utils.serving_model_dir(str(home)), dirs_exist_ok=True)
        artifact.set_string_custom_property("version", str(wanted["version"]))


class Baseline(base_component.BaseComponent):
    SPEC_CLASS = BaselineSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(BaselineExecutor)

    def __init__(self, registry: str, baseline: Any, labels: list[str], code: str) -> None:
        spec = BaselineSpec(
            registry=registry,
            baseline=baseline,
            labels=json.dumps(labels),
            code=code,
            model=types.Channel(type=standard_artifacts.Model),
        )
        super().__init__(spec=spec)


def no_baseline_reason(uri: str) -> str | None:
    """Why the artifact at `uri` holds no model, or None when it holds one."""
    marker = Path(uri) / NONE_FILE
    return marker.read_text(encoding="utf-8") if marker.is_file() else None


def _mark_none(home: Path, reason: str) -> None:
    home.mkdir(parents=True, exist_ok=True)
    (home / NONE_FILE).write_text(reason, encoding="utf-8")
