"""TensorFlow Serving's REST API, as its clients know it: https://www.tensorflow.org/tfx/serving/api_rest."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from flowers_tfx.serving.api_documents import PHOTO, array, documentation, record
from flowers_tfx.serving.client_tag import HEADER, client_tag
from flowers_tfx.serving.json_body import read_request
from flowers_tfx.serving.model_name import MODEL, version_number
from flowers_tfx.serving.output_tensors import OutputTensor, output_tensors
from flowers_tfx.serving.requests import RequestError
from flowers_tfx.serving.responses import json_response
from flowers_tfx.serving.service import Reply, Service
from flowers_tfx.serving.tensorflow_requests import read_classify, read_predict
from flowers_tfx.serving.tensorflow_signature import model_metadata

MODEL_PATH, VERSION_PATH = "/v1/models/{name}", "/v1/models/{name}/versions/{version}"


def tensorflow_serving_router(service: Service) -> APIRouter:
    router = APIRouter()

    def add(ending: str, method: str, endpoint: Any, **documents: Any) -> None:
        for path in (MODEL_PATH + ending, VERSION_PATH + ending):
            router.add_api_route(path, endpoint, methods=[method], **documentation(path=path, **documents))

    async def status(request: Request) -> Response:
        number = version_of_path(request, "Could not find any versions of model {name}", "Could not find version {version} of model {name}")
        states = [state for state in service.versions.states() if number in (None, int(state.version))]
        if number is not None and not states:
            raise RequestError(404, f"Could not find version {number} of model {MODEL}")
        return json_response({"model_version_status": [state.as_json() for state in states]})

    async def metadata(request: Request) -> Response:
        number = version_of_path(request)
        with named_by(number), service.use_version(number) as loaded:
            return json_response(model_metadata(loaded))

    async def predict(request: Request) -> Response:
        number = version_of_path(request)
        asked = await read_request(request, read_predict)
        with named_by(number):
            reply = await service.answer(asked.photos, number, client_tag(request.headers.get(HEADER)))
        outputs = output_tensors(reply.version, reply.whole())
        values: Any = {output.output.name: output.rows for output in outputs} if asked.columnar else _rows(outputs)
        return json_response({"outputs" if asked.columnar else "predictions": values, "model_version": reply.version.version})

    async def classify(request: Request) -> Response:
        number = version_of_path(request)
        photos = await read_request(request, read_classify)
        with named_by(number):
            reply = await service.answer(photos, number, client_tag(request.headers.get(HEADER)))
        return json_response({"results": _classes(reply), "model_version": reply.version.version})

    add("", "GET", status, summary="States of the model's versions, as TensorFlow Serving reports them", answer=_STATUS)
    add("/metadata", "GET", metadata, summary="Inputs and outputs, as TensorFlow Serving reports them", answer=_METADATA)
    add(":predict", "POST", predict, summary="TensorFlow Serving's predict", answer=_PREDICTIONS, body=_PREDICT)
    add(":classify", "POST", classify, summary="TensorFlow Serving's classify", answer=_CLASSES, body=_CLASSIFY)
    return router


_NO_MODEL = "Servable not found for request: Latest({name})"
_NO_VERSION = "Servable not found for request: Specific({name}, {version})"


@contextlib.contextmanager
def named_by(number: int | None) -> Iterator[None]:
    """TensorFlow Serving's words for a version that does not answer."""
    try:
        yield
    except RequestError as error:
        if error.status != 404:
            raise
        raise RequestError(404, _NO_VERSION.format(name=MODEL, version=number)) from None


def version_of_path(
    request: Request,
    no_model: str = _NO_MODEL,
    no_version: str = _NO_VERSION,
) -> int | None:
    """The version that the path names. Raises RequestError for another model's name, and for what is not a number."""
    name, version = request.path_params["name"], request.path_params.get("version")
    if name != MODEL:
        raise RequestError(404, (no_model if version is None else no_version).format(name=name, version=version))
    if version is None:
        return None
    number = version_number(version)
    if number is None:
        raise RequestError(404, no_version.format(name=name, version=version))
    return number


def _rows(outputs: list[OutputTensor]) -> list[dict[str, Any]]:
    return [{output.output.name: output.rows[row] for output in outputs} for row in range(len(outputs[0].rows))]


def _classes(reply: Reply) -> list[list[list[Any]]]:
    """Of each photo [label, probability] of all classes, the most probable first."""
    labels = reply.version.labels
    rows = [zip(labels, answer.probabilities, strict=True) for answer in reply.whole()]
    return [sorted(([label, round(float(p), 6)] for label, p in row), key=lambda pair: -float(pair[1])) for row in rows]


_TEXT, _NUMBER, _OBJECT = {"type": "string"}, {"type": "number"}, {"type": "object"}
_NAMED_PHOTO = {"type": "object", "required": ["image_bytes"], "properties": {"image_bytes": PHOTO}, "additionalProperties": False}
_SIGNATURE = {"enum": ["", "serving_default"]}
_STATUS = record(
    {
        "model_version_status": array(
            record({"version": _TEXT, "state": _TEXT, "status": record({"error_code": _TEXT, "error_message": _TEXT})}),
        )
    }
)
_METADATA = record({"model_spec": _OBJECT, "metadata": _OBJECT})
_PREDICT = {
    "description": "`instances`: a photo each; `inputs`: all photos of the one input, `image_bytes`.",
    "oneOf": [
        record({"instances": array({"anyOf": [PHOTO, _NAMED_PHOTO]}, 1)}, signature_name=_SIGNATURE),
        record(
            {"inputs": {"anyOf": [array(PHOTO, 1), record({"image_bytes": array(PHOTO, 1)})]}},
            signature_name=_SIGNATURE,
        ),
    ],
}
_ROW = record(
    {
        "label": _TEXT,
        "probability": _NUMBER,
        "probabilities": array(_NUMBER),
        "known": {"type": "boolean"},
        "why": {"enum": ["", "far", "unsure"]},
    },
    score={"type": "number", "description": "above 1: not known; not there for a model that cannot tell"},
)
_PREDICTIONS = {
    "anyOf": [
        record({"predictions": array(_ROW), "model_version": _TEXT}),
        record({"outputs": _OBJECT, "model_version": _TEXT}),
    ]
}
_CLASSIFY = record({"examples": array(record({"image_bytes": PHOTO}), 1)}, signature_name=_SIGNATURE)
_CLASSES = record({"results": array(array({"type": "array"})), "model_version": _TEXT})
