"""Baseline: hands on the serving model that a candidate is compared with, and what it was trained on: statistics, schema, a sample.

A TFX component cannot leave an output out, so without a serving model the artifacts are there and marked with the reason.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import artifact_utils, component_spec, standard_artifacts
from tfx.utils import path_utils

from flowers_tfx import registry, storage
from flowers_tfx.components.artifacts import PhotoSample
from flowers_tfx.components.carried import carried
from flowers_tfx.errors import InputError
from flowers_tfx.registry import write_no_baseline_reason


class BaselineSpec(component_spec.ComponentSpec):
    PARAMETERS = {
        "registry": component_spec.ExecutionParameter(type=str),
        "baseline": component_spec.ExecutionParameter(type=str),
        "labels": component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: dict[str, Any] = {}
    OUTPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "sample": component_spec.ChannelParameter(type=PhotoSample),
        "statistics": component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
    }


class BaselineExecutor(base_executor.BaseExecutor):
    @carried
    def Do(self, input_dict: dict[str, Any], output_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any]) -> None:
        self._log_startup(input_dict, output_dict, exec_properties)
        artifact = artifact_utils.get_single_instance(output_dict["model"])
        home = Path(artifact.uri)
        said = exec_properties["baseline"]
        if said == registry.NO_BASELINE:
            for outputs in output_dict.values():
                write_no_baseline_reason(Path(artifact_utils.get_single_uri(outputs)), "the registry holds no model of another recipe")
            return
        wanted = json.loads(said)
        if wanted.get("damage"):
            for outputs in output_dict.values():
                reason = f"the serving model, version {wanted['version']}, is damaged: {wanted['damage']}"
                write_no_baseline_reason(Path(artifact_utils.get_single_uri(outputs)), reason)
            return
        self._data(output_dict, exec_properties["registry"], wanted)
        model = registry.version_path(exec_properties["registry"], wanted["version"])
        if not model.is_dir() or registry.model_digest(model) != wanted["digest"]:
            raise InputError(
                f"Version {wanted['version']} of the registry is gone or was changed after it was pushed.", f"Look into {model}."
            )
        labels = (model / registry.LABELS_FILE).read_text(encoding="utf-8").splitlines()
        if labels != json.loads(exec_properties["labels"]):
            write_no_baseline_reason(home, f"the serving model, version {wanted['version']}, knows other classes ({', '.join(labels)})")
            return
        storage.fetch(model, Path(path_utils.serving_model_dir(str(home))))
        artifact.set_string_custom_property("version", str(wanted["version"]))

    def _data(self, output_dict: dict[str, list[types.Artifact]], where: str, wanted: dict[str, Any]) -> None:
        """What lies beside the version; a version that has none, or a broken one, is said so, and the review finds it."""
        version = wanted["version"]
        source = registry.version_path(where, version) / registry.BASELINE_DIR
        homes = {name: Path(artifact_utils.get_single_uri(output_dict[name])) for name in ("sample", "statistics", "schema")}
        held = registry.baseline_digest(where, version)
        if not held or held != wanted["data"] or not registry.baseline_is_whole(where, version):
            reason = (
                "has no baseline data beside it" if not wanted["data"] else "has baseline data that were changed after they were published"
            )
            for home in homes.values():
                write_no_baseline_reason(home, f"the serving model, version {version}, {reason}")
            return
        for name, home in homes.items():
            storage.fetch(source / name, home)
        artifact_utils.get_single_instance(output_dict["statistics"]).split_names = json.dumps(["train"])
        artifact_utils.get_single_instance(output_dict["sample"]).set_string_custom_property("version", str(version))


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
            sample=types.Channel(type=PhotoSample),
            statistics=types.Channel(type=standard_artifacts.ExampleStatistics),
            schema=types.Channel(type=standard_artifacts.Schema),
        )
        super().__init__(spec=spec)
