"""PublishBaseline: puts beside a pushed version what the next data review compares with: a sample of per-photo values with embeddings and
thumbnails, the training statistics, the schema, and the digests of the spans."""

from __future__ import annotations

import json
import shutil
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.orchestration.portable import data_types
from tfx.types import artifact_utils, component_spec, standard_artifacts

from flowers_tfx import registry
from flowers_tfx.components.artifacts import PublishedBaseline
from flowers_tfx.components.carried import carried
from flowers_tfx.components.outside_driver import OutsideDriver
from flowers_tfx.data.windows import span_identities, window_spans
from flowers_tfx.review.baseline_sample import write_baseline_sample
from flowers_tfx.review.embeddings import embedder_of_run

PUBLISHED = "published.json"


class PublishBaselineSpec(component_spec.ComponentSpec):
    PARAMETERS = {
        "registry": component_spec.ExecutionParameter(type=str),
        "data_root": component_spec.ExecutionParameter(type=str),
        "window": component_spec.ExecutionParameter(type=str),
        "sample": component_spec.ExecutionParameter(type=int),
        "network": component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
        "push_id": component_spec.ExecutionParameter(type=str, optional=True),
    }
    INPUTS = {
        "pushed_model": component_spec.ChannelParameter(type=standard_artifacts.PushedModel),
        "statistics": component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
    }
    OUTPUTS = {"baseline": component_spec.ChannelParameter(type=PublishedBaseline)}


class PublishBaselineDriver(OutsideDriver):
    """Stamps an idempotency token, as Pusher's does: a baseline that is gone from the registry is published again."""

    def observe(self, execution_info: data_types.ExecutionInfo) -> Mapping[str, str]:
        version = _pushed_version(execution_info.input_dict)
        published = registry.baseline_push_id(execution_info.exec_properties["registry"], version) if version else "none"
        return {"push_id": published or uuid.uuid4().hex}


class PublishBaselineExecutor(base_executor.BaseExecutor):
    @carried
    def Do(self, input_dict: dict[str, Any], output_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any]) -> None:
        self._log_startup(input_dict, output_dict, exec_properties)
        home = Path(artifact_utils.get_single_uri(output_dict["baseline"]))
        home.mkdir(parents=True, exist_ok=True)
        version = _pushed_version(input_dict)
        if not version:
            (home / PUBLISHED).write_text(json.dumps({"version": None, "reason": "no model was pushed"}), encoding="utf-8")
            return
        with tempfile.TemporaryDirectory(dir=home) as folder:
            files = Path(folder) / "baseline"
            self._collect(files, input_dict, exec_properties)
            digest = registry.publish_baseline(files, exec_properties["registry"], version)
        (home / PUBLISHED).write_text(json.dumps({"version": version, "digest": digest}), encoding="utf-8")

    def _collect(self, files: Path, input_dict: dict[str, Any], properties: dict[str, Any]) -> None:
        spans = window_spans(properties["data_root"], properties["window"])
        sample = write_baseline_sample(files / "sample", spans, embedder_of_run(properties["network"]), properties["sample"])
        shutil.copytree(artifact_utils.get_single_uri(input_dict["statistics"]), files / "statistics")
        shutil.copytree(artifact_utils.get_single_uri(input_dict["schema"]), files / "schema")
        facts = {
            "push_id": properties.get("push_id") or uuid.uuid4().hex,
            "photos": sample.photos,
            "sample": sample.sampled,
            "spans": span_identities(properties["window"]),
            "network": sample.network,
            "files": registry.baseline_files_digest(files),
        }
        (files / registry.BASELINE_FILE).write_text(json.dumps(facts, indent=2), encoding="utf-8")


def _pushed_version(input_dict: Mapping[str, Any]) -> int:
    """0 where nothing was pushed."""
    pushed = artifact_utils.get_single_instance(list(input_dict["pushed_model"]))
    if not pushed.get_int_custom_property("pushed"):
        return 0
    return int(pushed.get_string_custom_property("pushed_version") or 0)


class PublishBaseline(base_component.BaseComponent):
    SPEC_CLASS = PublishBaselineSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(PublishBaselineExecutor)
    DRIVER_CLASS = PublishBaselineDriver

    def __init__(
        self,
        pushed_model: types.BaseChannel,
        statistics: types.BaseChannel,
        schema: types.BaseChannel,
        registry: str,
        data_root: str,
        window: Any,
        sample: int,
        network: str,
        code: str,
    ) -> None:
        spec = PublishBaselineSpec(
            pushed_model=pushed_model,
            statistics=statistics,
            schema=schema,
            registry=registry,
            data_root=data_root,
            window=window,
            sample=sample,
            network=network,
            code=code,
            baseline=types.Channel(type=PublishedBaseline),
        )
        super().__init__(spec=spec)
