"""The message in which a backend tells a step what to do (ExecutorInput), put into the form that TFX's executors take, and the answer
(ExecutorOutput) put into the form that the backend takes. Pure functions on the JSON of both, but for the folders of the outputs."""

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

# The launcher's own: it writes the log of the step there, and TFX knows nothing of it.
LOGS = "executor-logs"
VALUES = frozenset({"tfx.String", "tfx.Integer", "tfx.Float", "tfx.Boolean", "tfx.JsonValue"})
# The cluster's page shows a file: the artifact's URI must be that of the file in our folder.
PAGES: Mapping[str, str] = {"system.HTML": "report.html", "system.Markdown": "report.md"}
# A folder of the run is in the URI of every output: a UUID on open-source Pipelines, NAME-TIME on Vertex AI and under kfp.local.
_RUN = re.compile(r"/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z0-9-]+-(?:\d{14}|\d{4}(?:-\d\d){5}-\d{6}))/")


@dataclass(frozen=True)
class StepCall:
    """`message`: the ExecutorInput for TFX. `outputs`: URI of each output as the backend gave it, and the title of its type.
    `output_file`: where the answer goes."""

    message: dict[str, Any]
    outputs: Mapping[str, tuple[str, str]]
    output_file: Path

    @property
    def run_id(self) -> str:
        """The backend's id of the run; empty where no URI tells it. No argument may carry it, since cache keys hold the arguments."""
        found = (_RUN.search(uri) for uri, _ in self.outputs.values())
        return next((match[1] for match in found if match), "")


def translate_input(executor_input: Mapping[str, Any], inputs_spec: Mapping[str, Any]) -> StepCall:
    """Fills in types that the backend left empty, drops what TFX does not know, and names artifacts by their mounted paths.

    `inputs_spec` is the ComponentInputsSpec that was compiled. Raises InputError when an artifact's type is nowhere to be found.
    """
    message: dict[str, Any] = json.loads(json.dumps(executor_input))
    inputs, outputs = message.setdefault("inputs", {}), message.setdefault("outputs", {})
    compiled = inputs_spec.get("artifacts", {})
    for key, artifact in _artifacts(inputs):
        # What was compiled is what the executor expects, whatever type the backend recorded.
        artifact["type"] = compiled.get(key, {}).get("artifactType") or artifact.get("type") or {}
        _require_type(key, artifact)
        # TFX tells artifacts apart by their names.
        artifact["name"] = artifact.get("name") or artifact["uri"]
        artifact["uri"] = mount_path(artifact["uri"])
    outputs.get("artifacts", {}).pop(LOGS, None)
    given: dict[str, tuple[str, str]] = {}
    for key, artifact in _artifacts(outputs):
        given[key] = (artifact["uri"], _require_type(key, artifact))
        artifact["uri"] = mount_path(artifact["uri"])
    if not outputs.get("outputFile"):
        raise InputError("The ExecutorInput names no output file.", "The entrypoint is started by a backend, not by hand.")
    outputs["outputFile"] = mount_path(outputs["outputFile"])
    return StepCall(message, given, Path(outputs["outputFile"]))


def clear_outputs(call: StepCall) -> None:
    """Removes what a failed attempt left behind, and makes the outputs' folders: backends make the folders above them alone. A value's URI
    is a file."""
    call.output_file.unlink(missing_ok=True)
    call.output_file.parent.mkdir(parents=True, exist_ok=True)
    for uri, title in call.outputs.values():
        place = Path(mount_path(uri))
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
        (place.parent if title in VALUES else place).mkdir(parents=True, exist_ok=True)


def translate_output(executor_output: Mapping[str, Any], call: StepCall) -> dict[str, Any]:
    """The ExecutorOutput with the backend's own URIs, pages named by their files, and without metadata that have no value, which its
    launcher refuses.

    TFX makes a value an artifact and a parameter of one name. No step reads the artifact, and kfp.local would hand it on in place of the
    value.
    """
    answer: dict[str, Any] = json.loads(json.dumps(executor_output))
    for key in answer.get("parameterValues", {}):
        answer.get("artifacts", {}).pop(key, None)
    for key, artifact in _artifacts(answer):
        uri, title = call.outputs[key]
        artifact["uri"] = f"{uri.rstrip('/')}/{PAGES[title]}" if title in PAGES else uri
        artifact["metadata"] = {name: value for name, value in artifact.get("metadata", {}).items() if value is not None}
    return answer


def title_of(artifact_type: Mapping[str, Any]) -> str:
    """The title of an ArtifactTypeSchema in either of its forms; empty where there is none."""
    if artifact_type.get("schemaTitle"):
        return str(artifact_type["schemaTitle"])
    schema = yaml.safe_load(artifact_type.get("instanceSchema") or "") or {}
    return str(schema.get("title", ""))


def _require_type(key: str, artifact: Mapping[str, Any]) -> str:
    title = title_of(artifact.get("type") or {})
    if not title:
        raise InputError(
            f"The artifact {key} has no type, neither in the ExecutorInput nor in what was compiled.", "Compile the package again."
        )
    return title


def _artifacts(side: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for key, several in side.get("artifacts", {}).items():
        for artifact in several.get("artifacts", []):
            yield key, artifact
