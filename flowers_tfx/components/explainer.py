"""Explainer: the page that explains the candidate, as an artifact, and beside the version if the candidate was pushed.

It comes after the nodes that publish: its failure keeps no model from serving (docs/adr/0024). Like PublishBaseline it writes outside, so
its driver stamps an idempotency token: a page that is missing from the registry, or shows something else, is made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfx import types
from tfx.orchestration.portable import data_types
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import path_utils

from flowers_tfx import registry, storage
from flowers_tfx.components.artifacts import HtmlReport
from flowers_tfx.components.executor import OwnExecutor, read_parameters
from flowers_tfx.components.outside_driver import OutsideDriver
from flowers_tfx.components.own_component import CODE, OwnComponent
from flowers_tfx.components.pushed_version import pushed_version
from flowers_tfx.data.example_files import read_examples
from flowers_tfx.errors import ExplainedFailure, InputError, cause_of
from flowers_tfx.explain.explained_model import ServingModel, load_explained_model, load_serving_model
from flowers_tfx.explain.methods import Method, find_method
from flowers_tfx.explain.model_explanations import ModelExplanations, PageSettings, explain_model
from flowers_tfx.features import EVALUATED_SPLIT
from flowers_tfx.storage import StoragePath

MODELS_AND_PHOTOS = ("model", "examples", "baseline_model")  # the inputs that the page shows something of


class Explanations(types.Artifact):
    """explanations.json: all figures of the page that explains a model, and report.html: the page."""

    TYPE_NAME = "flowers.Explanations"


@dataclass(frozen=True)
class ExplainerParameters:
    """`photos`: of each class, explained one by one; `method`: how; `push_id`: the driver's token."""

    photos: int
    method: str
    registry: str
    push_id: str = ""


class ExplainerDriver(OutsideDriver):
    """Stamps the idempotency token: see the module's docstring."""

    def observe(self, execution_info: data_types.ExecutionInfo) -> Mapping[str, str]:
        inputs, properties = execution_info.input_dict, execution_info.exec_properties
        parameters = read_parameters(ExplainerParameters, properties)
        version = pushed_version(artifact_utils.get_single_instance(list(inputs["pushed_model"])))
        if not version:
            return {"push_id": "none"}
        published = registry.read_explanations_record(parameters.registry, version)
        is_same = published is not None and published.request == _request(parameters, properties[CODE], inputs)
        return {"push_id": published.push_id if published is not None and is_same else uuid.uuid4().hex}


class ExplainerExecutor(OwnExecutor[ExplainerParameters]):
    # Of the Examples, one split is read, and from a bucket a file at a time.
    COPIES_ARTIFACTS = False

    def work(self) -> None:
        """Raises ExplainedFailure for any error but InputError: what failed is a page, not a model."""
        version = pushed_version(self.input("pushed_model"))
        try:
            self._make_page(version)
        except InputError:
            raise
        except Exception as error:
            logging.exception("The page was not made.")
            serves = f"Version {version} is published and serves all the same. " if version else ""
            raise ExplainedFailure(cause_of(error), f"{serves}Run again: only the page is made anew.") from error

    def _make_page(self, version: int) -> None:
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(registry.local_model(_serving_model(self.input("model"))))
            explained = self._explain(folder, version, stack)
        files = {registry.EXPLANATIONS_FILE: explained.as_json(), registry.EXPLANATIONS_PAGE: explained.page().encode()}
        _write(storage.storage_path(self.output("explanations").uri), files)
        _write(storage.storage_path(self.output("report").uri), {registry.EXPLANATIONS_PAGE: files[registry.EXPLANATIONS_PAGE]})
        if version:
            self._publish(version, files)

    def _explain(self, folder: Path, version: int, stack: contextlib.ExitStack) -> ModelExplanations:
        settings = PageSettings(self.parameters.photos, find_method(self.parameters.method))
        split = storage.storage_path(artifact_utils.get_split_uri(self.inputs["examples"], EVALUATED_SPLIT))
        model = load_explained_model(folder, settings.method)
        identity = {"version": version or None, "digest": registry.model_digest(folder)}
        return explain_model(model, identity, self._load_serving(settings.method, stack), lambda: read_examples(split), settings)

    def _load_serving(self, method: Method, stack: contextlib.ExitStack) -> ServingModel:
        baseline = self.input("baseline_model")
        reason = registry.no_baseline_reason(baseline.uri)
        if reason is not None:
            return ServingModel(None, reason=reason)
        folder = stack.enter_context(registry.local_model(_serving_model(baseline)))
        return load_serving_model(folder, baseline.get_string_custom_property("version"), method)

    def _publish(self, version: int, files: Mapping[str, bytes]) -> None:
        parameters = self.parameters
        request = _request(parameters, self.exec_properties[CODE], self.inputs)
        record = {"push_id": parameters.push_id or uuid.uuid4().hex, "request": request}
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            _write(folder, {**files, registry.EXPLANATIONS_RECORD: json.dumps(record).encode()})
            registry.publish_explanations(folder, parameters.registry, version)


class Explainer(OwnComponent):
    INPUTS = {
        "model": standard_artifacts.Model,
        "examples": standard_artifacts.Examples,
        "baseline_model": standard_artifacts.Model,
        "pushed_model": standard_artifacts.PushedModel,
    }
    OUTPUTS = {"explanations": Explanations, "report": HtmlReport}
    EXECUTOR = ExplainerExecutor
    DRIVER_CLASS = ExplainerDriver


def _request(parameters: ExplainerParameters, code: str, inputs: Mapping[str, Sequence[types.Artifact]]) -> str:
    """The digest of what a page shows. Runners without drivers have no use for it."""
    uris = {name: [artifact.uri for artifact in inputs[name]] for name in MODELS_AND_PHOTOS}
    request = {"photos": parameters.photos, "method": parameters.method, "code": code, **uris}
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


def _serving_model(model: types.Artifact) -> StoragePath:
    return storage.storage_path(path_utils.serving_model_dir(model.uri))


def _write(folder: StoragePath, files: Mapping[str, bytes]) -> None:
    if isinstance(folder, Path):
        folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
