"""PublishBaseline: puts beside a pushed version what the next data review compares with: a sample of per-photo values with embeddings and
thumbnails, the training statistics, the schema, and the digests of the spans."""

from __future__ import annotations

import json
import shutil
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tfx import types
from tfx.orchestration.portable import data_types
from tfx.types import artifact_utils, standard_artifacts

from flowers_tfx import registry
from flowers_tfx.components.executor import OwnExecutor
from flowers_tfx.components.outside_driver import OutsideDriver
from flowers_tfx.components.own_component import OwnComponent
from flowers_tfx.components.pushed_version import pushed_version
from flowers_tfx.data.windows import span_identities, window_spans
from flowers_tfx.review.baseline_sample import write_baseline_sample
from flowers_tfx.review.embeddings import embedder_of_run

PUBLISHED = "published.json"


class PublishedBaseline(types.Artifact):
    """published.json names the registry's version with this baseline, or says why none was published."""

    TYPE_NAME = "flowers.PublishedBaseline"


@dataclass(frozen=True)
class PublishBaselineParameters:
    """`sample`: photos in the sample at most; `network`: the frozen backbone for embeddings, as JSON; `push_id`: the driver's token."""

    registry: str
    data_root: str
    window: str
    sample: int
    network: str
    push_id: str = ""


class PublishBaselineDriver(OutsideDriver):
    """Stamps an idempotency token, as Pusher's does: a baseline that is missing from the registry is published again."""

    def observe(self, execution_info: data_types.ExecutionInfo) -> Mapping[str, str]:
        version = pushed_version(artifact_utils.get_single_instance(list(execution_info.input_dict["pushed_model"])))
        token = registry.baseline_push_id(execution_info.exec_properties["registry"], version) if version else "none"
        return {"push_id": token or uuid.uuid4().hex}


class PublishBaselineExecutor(OwnExecutor[PublishBaselineParameters]):
    def work(self) -> None:
        output = self.output_folder("baseline")
        version = pushed_version(self.input("pushed_model"))
        if not version:
            (output / PUBLISHED).write_text(json.dumps({"version": None, "reason": "no model was pushed"}), encoding="utf-8")
            return
        with tempfile.TemporaryDirectory(dir=output) as folder:
            files = Path(folder) / "baseline"
            self._collect(files)
            digest = registry.publish_baseline(files, self.parameters.registry, version)
        (output / PUBLISHED).write_text(json.dumps({"version": version, "digest": digest}), encoding="utf-8")

    def _collect(self, files: Path) -> None:
        parameters = self.parameters
        spans = window_spans(parameters.data_root, parameters.window)
        sample = write_baseline_sample(files / "sample", spans, embedder_of_run(parameters.network), parameters.sample)
        for name in ("statistics", "schema"):
            shutil.copytree(self.input_folder(name), files / name)
        facts = {
            "push_id": parameters.push_id or uuid.uuid4().hex,
            "photos": sample.photos,
            "sample": sample.sampled,
            "spans": span_identities(parameters.window),
            "network": sample.network,
            "files": registry.baseline_files_digest(files),
        }
        (files / registry.BASELINE_FILE).write_text(json.dumps(facts, indent=2), encoding="utf-8")


class PublishBaseline(OwnComponent):
    INPUTS = {
        "pushed_model": standard_artifacts.PushedModel,
        "statistics": standard_artifacts.ExampleStatistics,
        "schema": standard_artifacts.Schema,
    }
    OUTPUTS = {"baseline": PublishedBaseline}
    EXECUTOR = PublishBaselineExecutor
    DRIVER_CLASS = PublishBaselineDriver
