"""Baseline: outputs the serving model that a candidate is compared with, and its training data: statistics, schema, a sample.

A TFX component cannot omit an output, so without a serving model the artifacts exist and are marked with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfx.types import standard_artifacts
from tfx.utils import path_utils

from flowers_tfx import registry, storage
from flowers_tfx.artifact_files import LABELS_FILE
from flowers_tfx.class_names import class_names
from flowers_tfx.components.artifacts import PhotoSample
from flowers_tfx.components.executor import OwnExecutor
from flowers_tfx.components.own_component import OwnComponent
from flowers_tfx.errors import InputError

DATA = ("sample", "statistics", "schema")


@dataclass(frozen=True)
class BaselineParameters:
    """`baseline` as SelectInputs outputs it."""

    registry: str
    baseline: str
    labels: list[str]


class BaselineExecutor(OwnExecutor[BaselineParameters]):
    def work(self) -> None:
        if self.parameters.baseline == registry.NO_BASELINE:
            self._mark_absent("the registry holds no model to compare with", ("model", *DATA))
            return
        serving = json.loads(self.parameters.baseline)
        if serving.get("damage"):
            self._mark_absent(f"the serving model, version {serving['version']}, is damaged: {serving['damage']}", ("model", *DATA))
            return
        self._fetch_data(serving)
        self._fetch_model(serving)

    def _fetch_model(self, serving: dict[str, Any]) -> None:
        version = serving["version"]
        model = registry.version_path(self.parameters.registry, version)
        if not model.is_dir() or registry.model_digest(model) != serving["digest"]:
            raise InputError(f"Version {version} of the registry is gone or was changed after it was pushed.", f"Look into {model}.")
        labels = (model / LABELS_FILE).read_text(encoding="utf-8").splitlines()
        if labels != self.parameters.labels:
            # Its graph compares labels byte by byte: another spelling would be another class.
            what = (
                "spells its classes in another Unicode form"
                if list(class_names(labels)) == self.parameters.labels
                else "knows other classes"
            )
            self._mark_absent(f"the serving model, version {version}, {what} ({', '.join(labels)})", ["model"])
            return
        target = Path(path_utils.serving_model_dir(str(self.output_folder("model"))))
        storage.fetch(model, target, lambda name: not registry.is_added_later(name))
        self.output("model").set_string_custom_property("version", str(version))
        self.output("model").set_string_custom_property("digest", serving["digest"])

    def _fetch_data(self, serving: dict[str, Any]) -> None:
        """Fetches the files beside the version. Missing or damaged data are marked, and the review reports them."""
        root, version = self.parameters.registry, serving["version"]
        digest = registry.baseline_digest(root, version)
        if not digest or digest != serving["data"] or not registry.baseline_is_whole(root, version):
            changed = "has baseline data that were changed after they were published"
            reason = changed if serving["data"] else "has no baseline data beside it"
            self._mark_absent(f"the serving model, version {version}, {reason}", DATA)
            return
        for name in DATA:
            storage.fetch(registry.version_path(root, version) / registry.BASELINE_DIR / name, self.output_folder(name))
        self.output("statistics").split_names = json.dumps(["train"])
        self.output("sample").set_string_custom_property("version", str(version))

    def _mark_absent(self, reason: str, names: Iterable[str]) -> None:
        for name in names:
            registry.write_no_baseline_reason(self.output_folder(name), reason)


class Baseline(OwnComponent):
    OUTPUTS = {
        "model": standard_artifacts.Model,
        "sample": PhotoSample,
        "statistics": standard_artifacts.ExampleStatistics,
        "schema": standard_artifacts.Schema,
    }
    EXECUTOR = BaselineExecutor
