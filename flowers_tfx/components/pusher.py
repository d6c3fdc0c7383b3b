"""Pusher: publishes a blessed model as the registry's next version, whole or not at all, with the record of what it was trained on, its
parity certificate and its card.

TFX's own copies file by file into the folder that servers watch. Like IngestImages it writes outside, so its driver stamps an
idempotency token: a version that is missing from the registry is pushed again, an existing one is a hit.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tfx.components.pusher import executor
from tfx.components.util import model_utils
from tfx.orchestration.portable import data_types
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import io_utils

from flowers_tfx import registry
from flowers_tfx.artifact_files import DATA_FILE, PARITY_FILE
from flowers_tfx.components.artifacts import CERTIFICATE_FILE, DataRecord, ParityCertificate
from flowers_tfx.components.executor import OwnExecutor, read_parameters
from flowers_tfx.components.outside_driver import OutsideDriver
from flowers_tfx.components.own_component import OwnComponent
from flowers_tfx.data.windows import span_identities
from flowers_tfx.model_card.files import card_files
from flowers_tfx.registry import Entry
from flowers_tfx.selection import fingerprint

EVALUATION_FILE = "report.json"  # the evaluation's own file beside TensorFlow Model Analysis's


@dataclass(frozen=True)
class PusherParameters:
    """`explained`: whether the pipeline has the node Explainer, whose page the card links to; `push_id`: the driver's token."""

    registry: str
    window: str
    settings_digest: str
    explained: bool
    push_id: str = ""

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.window, self.settings_digest)


class PusherDriver(OutsideDriver):
    """Stamps the idempotency token: see the module's docstring."""

    def observe(self, execution_info: data_types.ExecutionInfo) -> Mapping[str, str]:
        parameters = read_parameters(PusherParameters, execution_info.exec_properties)
        pushed = registry.newest_with_fingerprint(parameters.registry, parameters.fingerprint)
        blessing = artifact_utils.get_single_instance(execution_info.input_dict["model_blessing"])
        return {"push_id": pushed.push_id if pushed else uuid.uuid4().hex if model_utils.is_model_blessed(blessing) else ""}


class PusherExecutor(OwnExecutor[PusherParameters], executor.Executor):
    def work(self) -> None:
        pushed = self.output("pushed_model")
        if not self.CheckBlessing(self.inputs):
            self._MarkNotPushed(pushed)
            return
        parameters = self.parameters
        model = self.GetModelPath(self.inputs)
        spans = tuple(span_identities(parameters.window))
        io_utils.copy_dir(model, pushed.uri)
        # Before the model is published: its digest covers the certificate.
        shutil.copyfile(self.input_folder("certificate") / CERTIFICATE_FILE, Path(pushed.uri) / PARITY_FILE)
        entry = registry.publish(
            Path(pushed.uri), parameters.registry, parameters.fingerprint, spans, parameters.push_id or uuid.uuid4().hex, self._card
        )
        self._MarkPushed(pushed, str(registry.version_path(parameters.registry, entry.version)), str(entry.version))

    def _card(self, entry: Entry) -> dict[str, bytes]:
        evaluation = json.loads((self.input_folder("evaluation") / EVALUATION_FILE).read_text(encoding="utf-8"))
        data = json.loads((self.input_folder("data") / DATA_FILE).read_text(encoding="utf-8"))
        return card_files(Path(self.output("pushed_model").uri), entry, evaluation, data, self.parameters.explained)


class Pusher(OwnComponent):
    INPUTS = {
        "model": standard_artifacts.Model,
        "model_blessing": standard_artifacts.ModelBlessing,
        "certificate": ParityCertificate,
        "evaluation": standard_artifacts.ModelEvaluation,
        "data": DataRecord,
    }
    OUTPUTS = {"pushed_model": standard_artifacts.PushedModel}
    EXECUTOR = PusherExecutor
    DRIVER_CLASS = PusherDriver
