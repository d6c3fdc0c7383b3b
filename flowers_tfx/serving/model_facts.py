"""What the Open Inference Protocol says of the server and its model, over HTTP and gRPC."""

from __future__ import annotations

from typing import Any

from flowers_tfx.serving.loaded_version import LoadedVersion
from flowers_tfx.serving.model_name import INPUT, MODEL, version_number
from flowers_tfx.serving.output_tensors import outputs_of
from flowers_tfx.serving.requests import RequestError
from flowers_tfx.serving.service import Service

SERVER = "flowers_tfx"
_PLATFORM = "litert"


def model_version(name: str, version: str) -> int | None:
    """The version that a request names, None for the one that serves. Raises RequestError for another model, and for what is not a
    number."""
    if name != MODEL:
        raise RequestError(404, f"There is no model {name!r}.", f"The model is {MODEL}.")
    if not version:
        return None
    number = version_number(version)
    if number is None:
        raise RequestError(404, f"There is no version {version!r}.", "Versions are numbers.")
    return number


def is_ready(service: Service, version: int | None) -> bool:
    """Raises RequestError for a version that was never seen here."""
    if version is None:
        return bool(service.versions.serving)
    for state in service.versions.states():
        if int(state.version) == version:
            return state.state == "AVAILABLE"
    raise RequestError(404, f"Version {version} is not served here.")


def model_facts(service: Service, version: int | None) -> dict[str, Any]:
    """Raises RequestError for a version that does not answer."""
    answering = [state.version for state in service.versions.states() if state.state == "AVAILABLE"]
    with service.use_version(version) as loaded:
        return {
            "name": MODEL,
            "versions": answering,
            "platform": _PLATFORM,
            "inputs": [{"name": INPUT, "datatype": "BYTES", "shape": [-1]}],
            "outputs": _outputs(loaded),
        }


def _outputs(loaded: LoadedVersion) -> list[dict[str, Any]]:
    classes = [-1, len(loaded.labels)]
    return [
        {"name": output.name, "datatype": output.datatype, "shape": classes if output.has_classes else [-1]}
        for output in outputs_of(loaded)
    ]
