"""`POST /predict`: one photo as the body, or several files of a form. For people and programs that speak no inference protocol."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.responses import Response

from flowers_tfx.data.pictures import BadPicture
from flowers_tfx.serving.api_documents import errors
from flowers_tfx.serving.client_tag import HEADER, client_tag
from flowers_tfx.serving.feedback import Feedback
from flowers_tfx.serving.requests import RequestError, bad_photo
from flowers_tfx.serving.responses import json_response
from flowers_tfx.serving.service import Reply, Service, answer_json

FORM = "multipart/form-data"
# The bytes decide what a photo is; these say nothing against one. curl's --data-binary sends the last.
_NEUTRAL = ("", "application/octet-stream", "application/x-www-form-urlencoded")


def plain_router(service: Service, max_body: int, feedback: Feedback | None) -> APIRouter:
    """`feedback`: gets every photo that was sent as a body, with its answer; None if it is switched off."""
    router = APIRouter()

    @router.post("/predict", **_DOCUMENTATION)
    async def predict(request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        client = client_tag(request.headers.get(HEADER))
        if kind == FORM:
            names, photos = await _files(request, service.queue.capacity, max_body)
            return json_response(_rows(await service.answer(photos, client=client), names))
        if kind not in _NEUTRAL and not kind.startswith("image/"):
            raise RequestError(
                415, f"The content type {kind} is not taken.", f"Send a photo as image/jpeg or image/png, or several as {FORM}."
            )
        photo = await request.body()
        if not photo:
            raise RequestError(400, "The request has no body.", "Send a JPEG or PNG file as the body.")
        reply = await service.answer([photo], client=client)
        answer = answer_json(reply.version, reply.whole()[0])
        if feedback:
            await run_in_threadpool(feedback.recent.keep, reply.id, photo, answer)
        return json_response({**answer, "id": reply.id})

    return router


async def _files(request: Request, most: int, max_body: int) -> tuple[list[str], list[bytes]]:
    """Names and contents of a form's files."""
    parser = MultiPartParser(request.headers, request.stream(), max_files=most, max_fields=most, max_part_size=max_body)
    parser.spool_max_size = max_body + 1  # in memory: no photo touches a disk
    try:
        form = await parser.parse()
    except (MultiPartException, ValueError) as error:
        reason = error.message.rstrip(".") if isinstance(error, MultiPartException) else "its names do not fit its charset"
        raise RequestError(400, f"The form cannot be read: {reason}.", f"Send {FORM} with a file in each part.") from None
    files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
    if not files:
        raise RequestError(400, "The form has no file.", "Send the photos as files: curl -F photo=@rose.jpg ...")
    # A name in a strange charset can have halves of characters, which cannot be written back.
    names = [(file.filename or "").encode(errors="replace").decode() for file in files]
    return names, [await file.read() for file in files]


def _rows(reply: Reply, names: list[str]) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    for name, answer in zip(names, reply.answers, strict=True):
        if isinstance(answer, BadPicture):
            refusal = bad_photo(answer)
            rows.append({"file": name, "error": refusal.error, "hint": refusal.hint, "status": refusal.status})
        else:
            rows.append({"file": name, **answer_json(reply.version, answer)})
    return {"predictions": rows, "model_version": reply.version.version, "id": reply.id}


_PHOTO = {"schema": {"type": "string", "format": "binary"}}
_ANSWER = {
    "type": "object",
    "required": ["label", "probability", "probabilities", "known", "why", "score", "model_version"],
    "properties": {
        "label": {"type": "string"},
        "probability": {"type": "number", "minimum": 0, "maximum": 1},
        "probabilities": {"type": "object", "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1}},
        "known": {"type": "boolean", "description": "false: not a flower that the model knows"},
        "why": {"enum": [None, "far", "unsure"], "description": "far: unlike the photos it learned from; unsure: between the classes"},
        "score": {"type": ["number", "null"], "description": "above 1: not known"},
        "model_version": {"type": "string"},
        "id": {"type": "string", "description": "of the request"},
    },
}
_DOCUMENTATION: dict[str, Any] = {
    "summary": "Which flower is this?",
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "image/jpeg": _PHOTO,
                "image/png": _PHOTO,
                FORM: {"schema": {"type": "object", "properties": {"photo": {"type": "array", "items": _PHOTO["schema"]}}}},
            },
        }
    },
    "responses": {
        **errors(has_hint=True),
        200: {
            "description": "The answer, or `predictions` for the files of a form.",
            "content": {
                "application/json": {
                    "schema": {
                        "anyOf": [
                            _ANSWER,
                            {
                                "type": "object",
                                "required": ["predictions", "model_version", "id"],
                                "properties": {
                                    "predictions": {"type": "array"},
                                    "model_version": {"type": "string"},
                                    "id": {"type": "string"},
                                },
                            },
                        ]
                    }
                }
            },
        },
    },
}
