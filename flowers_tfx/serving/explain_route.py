"""`POST /v1/models/flowers:explain`: why a photo got its answer."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from flowers_tfx.serving.api_documents import PHOTO, Schema, array, documentation, record
from flowers_tfx.serving.explain_request import MAPS, METHOD, read_photos, read_wish
from flowers_tfx.serving.explanations import LARGEST_REQUEST, Explanations
from flowers_tfx.serving.http_protocol import CLOSED
from flowers_tfx.serving.json_body import read_request
from flowers_tfx.serving.responses import json_response
from flowers_tfx.serving.tensorflow_serving import MODEL_PATH, VERSION_PATH, named_by, version_of_path

_ENDING = ":explain"


def explain_router(explanations: Explanations) -> APIRouter:
    router = APIRouter()

    async def explain(request: Request) -> Response:
        number = version_of_path(request)
        explanations.check_room()  # before the body is read: a busy service is asked in vain, and often
        wish = read_wish(request.query_params.multi_items())
        photos = await read_request(request, partial(read_photos, request.headers.get("content-type", "")))
        with named_by(number):
            explained = await explanations.answer(photos, wish, number, _client_leaves(request))
        version = explained.version.version
        rows = [{**row, "model_version": version} for row in explained.rows]
        return json_response({"explanations": rows, "model_version": version})

    for path in (MODEL_PATH + _ENDING, VERSION_PATH + _ENDING):
        router.add_api_route(path, explain, methods=["POST"], **_documentation(path))
    return router


async def _client_leaves(request: Request) -> None:
    """Ends when the connection does, or its sending half. Call it once the body was read."""
    while not request.scope.get(CLOSED) and (await request.receive())["type"] != "http.disconnect":
        pass


def _documentation(path: str) -> dict[str, Any]:
    documents = documentation("Why does a photo get its answer?", _ANSWER, path=path, body=_BODY, query=_QUERY)
    documents["openapi_extra"]["requestBody"]["content"].update({kind: {"schema": _FILE} for kind in ("image/jpeg", "image/png")})
    return documents


_TEXT, _NUMBER, _FLAG = {"type": "string"}, {"type": "number"}, {"type": "boolean"}
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_FILE = {"type": "string", "format": "binary"}
_BODY = {**record({"instances": {**array(PHOTO, 1), "maxItems": LARGEST_REQUEST}}), "additionalProperties": False}
_QUERY: dict[str, Schema] = {
    "label": {"type": "string", "description": "the class to explain; default: the answer"},
    "method": {"enum": [METHOD], "description": "the others need TensorFlow: `flowers explain --method`"},
    "map": {"enum": list(MAPS), "description": "`png`: a transparent picture in base64; `values`: rows of numbers, as the network sees it"},
}
_MAP = {"anyOf": [_TEXT, array(array(_NUMBER)), {"type": "null"}]}
_REGIONS = array(record({"box": {**array({"type": "integer"}, 4), "maxItems": 4}, "share": _SHARE}))
_UNKNOWN = record(
    {
        "regions": _REGIONS,
        "hidden_share": _SHARE,
        "score_without": _NUMBER,
        "random_score_without": _NUMBER,
        "trustworthy": _FLAG,
        "reasons": array(_TEXT),
        "map": _MAP,
    }
)
_ROW = record(
    {
        "label": _TEXT,
        "probability": _SHARE,
        "known": _FLAG,
        "why": {"enum": [None, "far", "unsure"]},
        "score": {"type": ["number", "null"], "description": "above 1: not known"},
        "unknown": {"anyOf": [{"type": "null"}, _UNKNOWN], "description": "which parts make a photo unknown, if no class was named"},
        "method": {"enum": [METHOD]},
        "regions": _REGIONS,
        "completeness_error": {"type": "null"},
        "deletion_auc": _SHARE,
        "insertion_auc": _SHARE,
        "random_deletion_auc": _SHARE,
        "trustworthy": _FLAG,
        "reasons": array(_TEXT),
        "runner_up": record({"label": _TEXT, "probability": _SHARE, "map": _MAP}),
        "map": _MAP,
        "width": {"type": "integer", "description": "of the upright photo, px"},
        "height": {"type": "integer"},
        "seconds": _NUMBER,
        "model_version": _TEXT,
    }
)
_ANSWER = record({"explanations": array(_ROW, 1), "model_version": _TEXT})
