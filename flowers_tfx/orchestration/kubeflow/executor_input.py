"""Translates between a backend and TFX's executors: the message that starts a step (ExecutorInput), and its answer (ExecutorOutput). Pure
functions on the JSON of both, except for `clear_outputs` and `require_outputs`."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.kubeflow.addresses import mount_path

# An output of the launcher's own, for the log of the step. TFX would fail on it.
LOGS = "executor-logs"
METRICS = "system.Metrics"
VALUES = frozenset({"tfx.String", "tfx.Integer", "tfx.Float", "tfx.Boolean", "tfx.JsonValue"})
# The cluster's page shows a file, and we write a folder: the artifact's URI must name the file in it.
PAGES: Mapping[str, str] = {"system.HTML": "report.html", "system.Markdown": "report.md"}
# The URI of every output contains a folder of the run: a UUID on open-source Pipelines, NAME-TIME on Vertex AI and under kfp.local.
_RUN = re.compile(r"/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z0-9-]+-(?:\d{14}|\d{4}(?:-\d\d){5}-\d{6}))/")


@dataclass(frozen=True)
class StepCall:
    """`message`: the ExecutorInput for TFX. `outputs`: the backend's URI of each output and the title of its type, by name.
    `output_file`: where the answer goes."""

    message: dict[str, Any]
    outputs: Mapping[str, tuple[str, str]]
    output_file: Path

    @property
    def run_id(self) -> str:
        """The backend's id of the run; empty if no URI contains it. It is not an argument, since cache keys contain the arguments."""
        matches = (_RUN.search(uri) for uri, _ in self.outputs.values())
        return next((match[1] for match in matches if match), "")


def translate_input(executor_input: Mapping[str, Any], inputs_spec: Mapping[str, Any]) -> StepCall:
    """Fills in missing types, drops what TFX does not know, and replaces the addresses of artifacts by their mounted paths.

    `inputs_spec` is the compiled ComponentInputsSpec. Raises InputError for an artifact without a type.
    """
    message: dict[str, Any] = json.loads(json.dumps(executor_input))
    inputs, outputs = message.setdefault("inputs", {}), message.setdefault("outputs", {})
    compiled = inputs_spec.get("artifacts", {})
    names = _unique_names([artifact for _, artifact in _artifacts(inputs)])
    for (key, artifact), name in zip(_artifacts(inputs), names, strict=True):
        # The executor expects the compiled type, which can differ from the one that the backend recorded.
        artifact["type"] = compiled.get(key, {}).get("artifactType") or artifact.get("type") or {}
        _require_type(key, artifact)
        artifact["name"] = name
        artifact["uri"] = mount_path(artifact["uri"])
    outputs.get("artifacts", {}).pop(LOGS, None)
    uris: dict[str, tuple[str, str]] = {}
    for key, artifact in _artifacts(outputs):
        uris[key] = (artifact["uri"], _require_type(key, artifact))
        artifact["uri"] = mount_path(artifact["uri"])
    if not outputs.get("outputFile"):
        raise InputError("The ExecutorInput names no output file.", "Only a backend starts the entrypoint.")
    outputs["outputFile"] = mount_path(outputs["outputFile"])
    return StepCall(message, uris, Path(outputs["outputFile"]))


def _unique_names(artifacts: list[dict[str, Any]]) -> list[str]:
    """TFX distinguishes artifacts by their names, of which it makes ids. A backend without ML Metadata names an artifact by its output's
    key, which several have, and gives each an `artifactId`, which TFX does not know and which is removed here."""
    ids = [str(artifact.pop("artifactId", "") or artifact.pop("artifact_id", "")) for artifact in artifacts]
    names = [str(artifact.get("name") or "") for artifact in artifacts]
    uris_by_name: dict[str, set[str]] = {}
    for name, artifact in zip(names, artifacts, strict=True):
        uris_by_name.setdefault(name, set()).add(artifact["uri"])
    return [
        identifier or (name if name and len(uris_by_name[name]) == 1 else str(artifact["uri"]))
        for identifier, name, artifact in zip(ids, names, artifacts, strict=True)
    ]


def clear_outputs(call: StepCall) -> None:
    """Removes the files of a failed attempt, and creates the folders of the outputs; backends create only their parents. A value's URI is a
    file."""
    call.output_file.unlink(missing_ok=True)
    call.output_file.parent.mkdir(parents=True, exist_ok=True)
    for uri, title in call.outputs.values():
        path = Path(mount_path(uri))
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        (path.parent if title in VALUES else path).mkdir(parents=True, exist_ok=True)


def require_outputs(call: StepCall) -> None:
    """Makes the folder of an output that an executor removed. Raises InputError for a value that was not written: newer launchers refuse
    a step that lacks an output, and older ones pass the error on."""
    for key, (uri, title) in call.outputs.items():
        path = Path(mount_path(uri))
        if title in VALUES and not path.is_file():
            raise InputError(f"The step did not write its output {key}.")
        if title not in VALUES and not path.exists():
            path.mkdir(parents=True)


def translate_output(executor_output: Mapping[str, Any], call: StepCall) -> dict[str, Any]:
    """The ExecutorOutput with the backend's own URIs, with the files of pages, and without metadata that a launcher refuses: null, and what
    is not a number among metrics, such as the `tfx_version` that TFX adds.

    TFX makes a value an artifact and a parameter of one name. No step reads the artifact, and kfp.local would hand it on in place of the
    value.
    """
    answer: dict[str, Any] = json.loads(json.dumps(executor_output))
    for key in answer.get("parameterValues", {}):
        answer.get("artifacts", {}).pop(key, None)
    for key, artifact in _artifacts(answer):
        uri, title = call.outputs[key]
        artifact["uri"] = f"{uri.rstrip('/')}/{PAGES[title]}" if title in PAGES else uri
        artifact["metadata"] = {name: value for name, value in artifact.get("metadata", {}).items() if _is_accepted(title, value)}
    return answer


def _is_accepted(title: str, value: Any) -> bool:
    if title == METRICS:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return value is not None


def title_of(artifact_type: Mapping[str, Any]) -> str:
    """The title of an ArtifactTypeSchema in either of its two forms; empty if absent."""
    if artifact_type.get("schemaTitle"):
        return str(artifact_type["schemaTitle"])
    schema = yaml.safe_load(artifact_type.get("instanceSchema") or "") or {}
    return str(schema.get("title", ""))


def _require_type(key: str, artifact: Mapping[str, Any]) -> str:
    title = title_of(artifact.get("type") or {})
    if not title:
        raise InputError(
            f"The artifact {key} has no type, neither in the ExecutorInput nor in the compiled package.", "Compile the package again."
        )
    return title


def _artifacts(side: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for key, artifacts in side.get("artifacts", {}).items():
        for artifact in artifacts.get("artifacts", []):
            yield key, artifact
