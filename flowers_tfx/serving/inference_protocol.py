"""The Open Inference Protocol v2 over HTTP, which KServe and Triton speak, with the binary tensor data extension."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from flowers_tfx import __version__
from flowers_tfx.serving.api_documents import PHOTO, array, documentation, record
from flowers_tfx.serving.binary_tensors import tensor_bytes
from flowers_tfx.serving.client_tag import HEADER, client_tag
from flowers_tfx.serving.infer_request import InferRequest, read_infer
from flowers_tfx.serving.json_body import read_request
from flowers_tfx.serving.model_facts import SERVER, is_ready, model_facts, model_version
from flowers_tfx.serving.model_name import MODEL
from flowers_tfx.serving.output_tensors import OutputTensor, output_tensors
from flowers_tfx.serving.requests import as_json
from flowers_tfx.serving.responses import json_response
from flowers_tfx.serving.service import Reply, Service

_JSON_SIZE = "Inference-Header-Content-Length"
_MODEL, _VERSION = "/v2/models/{name}", "/v2/models/{name}/versions/{version}"


def inference_protocol_router(service: Service) -> APIRouter:
    router = APIRouter()

    def add(path: str, method: str, endpoint: Any, **documents: Any) -> None:
        router.add_api_route(path, endpoint, methods=[method], **documentation(path=path, **documents))

    async def live() -> Response:
        return json_response({"live": True})

    async def ready() -> Response:
        return _ready({"ready": bool(service.versions.serving)})

    async def server() -> Response:
        return json_response({"name": SERVER, "version": __version__, "extensions": ["binary_tensor_data"]})

    async def index() -> Response:
        return json_response([_index_row(state.as_json()) for state in service.versions.states()])

    async def model(request: Request) -> Response:
        return json_response(model_facts(service, _named_version(request)))

    async def model_ready(request: Request) -> Response:
        return _ready({"name": MODEL, "ready": is_ready(service, _named_version(request))})

    async def infer(request: Request) -> Response:
        version = _named_version(request)
        asked = await read_request(request, partial(read_infer, json_size=request.headers.get(_JSON_SIZE)))
        client = client_tag(request.headers.get(HEADER))
        return _infer_response(asked, await service.answer(asked.photos, version, client))

    add("/v2/health/live", "GET", live, summary="Whether the process answers", answer=_LIVE)
    add("/v2/health/ready", "GET", ready, summary="Whether a version answers", answer=_READY)
    add("/v2", "GET", server, summary="The server", answer=_SERVER)
    add("/v2/repository/index", "POST", index, summary="The versions and their states", answer=_INDEX)
    for path in (_MODEL, _VERSION):
        add(path, "GET", model, summary="Inputs and outputs of the model", answer=_FACTS)
        add(f"{path}/ready", "GET", model_ready, summary="Whether the model answers", answer=_READY)
        add(f"{path}/infer", "POST", infer, summary="Answers in the Open Inference Protocol", answer=_ANSWER, body=_INFER)
    return router


def _named_version(request: Request) -> int | None:
    return model_version(request.path_params["name"], request.path_params.get("version", ""))


def _ready(body: dict[str, Any]) -> Response:
    return json_response(body, 200 if body["ready"] else 503)


def _index_row(state: dict[str, Any]) -> dict[str, Any]:
    ready = state["state"] == "AVAILABLE"
    reason = state["status"]["error_message"]
    return {"name": MODEL, "version": state["version"], "state": "READY" if ready else "UNAVAILABLE", "reason": reason}


def _infer_response(asked: InferRequest, reply: Reply) -> Response:
    pieces: list[bytes] = []
    outputs: list[dict[str, Any]] = []
    for tensor, is_binary in asked.choose(output_tensors(reply.version, reply.whole())):
        description = _describe(tensor)
        if is_binary:
            pieces.append(tensor_bytes(tensor))
            outputs.append({**description, "parameters": {"binary_data_size": len(pieces[-1])}})
        else:
            outputs.append({**description, "data": tensor.flat})
    body = {"model_name": MODEL, "model_version": reply.version.version, "id": asked.id or reply.id, "outputs": outputs}
    if not pieces:
        return json_response(body)
    head = as_json(body)
    return Response(b"".join((head, *pieces)), headers={_JSON_SIZE: str(len(head))}, media_type="application/octet-stream")


def _describe(tensor: OutputTensor) -> dict[str, Any]:
    return {"name": tensor.output.name, "datatype": tensor.output.datatype, "shape": list(tensor.shape)}


_TEXT, _BOOL, _OBJECT = {"type": "string"}, {"type": "boolean"}, {"type": "object"}
_SHAPE = array({"type": "integer"}, 1)
_TENSOR = record({"name": _TEXT, "datatype": _TEXT, "shape": _SHAPE})
_LIVE = record({"live": _BOOL})
_READY = record({"ready": _BOOL}, name=_TEXT)
_SERVER = record({"name": _TEXT, "version": _TEXT, "extensions": array(_TEXT)})
_INDEX = array(record({"name": _TEXT, "version": _TEXT, "state": _TEXT, "reason": _TEXT}))
_FACTS = record({"name": _TEXT, "versions": array(_TEXT), "platform": _TEXT, "inputs": array(_TENSOR), "outputs": array(_TENSOR)})
_INFER = record(
    {
        "inputs": {
            **array(
                record(
                    {"name": {"const": "image_bytes"}, "datatype": {"const": "BYTES"}, "shape": _SHAPE},
                    data=array({"anyOf": [PHOTO, array(PHOTO, 1)]}, 1),
                    parameters=_OBJECT,
                ),
                1,
            ),
            "maxItems": 1,
        }
    },
    id=_TEXT,
    parameters=_OBJECT,
    outputs=array(record({"name": _TEXT}, parameters=_OBJECT)),
)
_ANSWER = record(
    {
        "model_name": _TEXT,
        "model_version": _TEXT,
        "id": _TEXT,
        "outputs": array(record({"name": _TEXT, "datatype": _TEXT, "shape": _SHAPE})),
    }
)
