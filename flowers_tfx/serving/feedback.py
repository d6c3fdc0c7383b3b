"""`POST /v1/feedback`: people say which class a photo has that the service has just answered."""

from __future__ import annotations

import errno
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from flowers_tfx.class_names import class_name
from flowers_tfx.errors import InputError
from flowers_tfx.serving.feedback_folder import RECENT, DiskFull, FeedbackFolder
from flowers_tfx.serving.recent_photos import RecentPhotos
from flowers_tfx.serving.requests import RequestError
from flowers_tfx.serving.responses import json_response

_MIN_FREE_BYTES = 200_000_000
_MAX_BODY = 4096
_FULL = (errno.ENOSPC, errno.EDQUOT)
_log = logging.getLogger(__name__)


class FeedbackRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: uuid.UUID = Field(description="of the answer")
    label: str | None = Field(max_length=500, description="the right class; null: none of the classes")


class Feedback:
    """The photos that feedback can be given on, and the folder that it is written to."""

    def __init__(self, folder: str, min_free_bytes: int = _MIN_FREE_BYTES) -> None:
        """Raises InputError for a folder that cannot be written to."""
        self._folder = FeedbackFolder(folder, min_free_bytes)
        self.recent = RecentPhotos(Path(folder) / RECENT, min_free_bytes)

    def start(self) -> None:
        self.recent.start()

    def stop(self) -> None:
        self.recent.stop()

    def record(self, wish: FeedbackRequest, labels: Sequence[str]) -> None:
        """Raises RequestError: 400 for a class that is not in `labels`, 404 for an unknown id, 507 or 503 if nothing can be written."""
        label = None if wish.label is None else class_name(wish.label)
        try:
            recent = self.recent.find(wish.id)
            if recent is None:
                raise RequestError(
                    404, "No answer of the last minutes has this id.", "Send the photo again, then feedback with its new id."
                )
            if label is not None and label not in labels:
                hint = f"The classes are {', '.join(labels)}; null is none of them."
                raise RequestError(400, f'"{label}" is not a class of the model.', hint)
            self._folder.record(recent.photo, label, {"id": wish.id.hex, "answer": recent.answer})
        except (DiskFull, InputError, OSError) as error:
            raise _refusal(error) from error


def feedback_router(feedback: Feedback | None, labels: Callable[[], Sequence[str]]) -> APIRouter:
    """`feedback`: None if it is switched off; `labels`: the classes of the version that serves now."""
    router = APIRouter()

    @router.post("/v1/feedback", **_DOCUMENTATION)
    async def give_feedback(request: Request) -> Response:
        if feedback is None:
            raise RequestError(404, "Feedback is switched off.", "The operator switches it on with serving.feedback_dir.")
        wish = _parse(request.headers, await _read(request))
        await run_in_threadpool(feedback.record, wish, labels())
        return json_response({"id": wish.id.hex, "label": wish.label})

    return router


async def _read(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _MAX_BODY:
            raise RequestError(413, f"Feedback has more than {_MAX_BODY} bytes, the limit.", "Send the id and the class only.")
    return body


def _parse(headers: Mapping[str, str], body: bytes) -> FeedbackRequest:
    # A page of another origin can send every other type without asking this server first.
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RequestError(415, "Feedback must be JSON.", "Send it with the header `Content-Type: application/json`.")
    try:
        return FeedbackRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        reason = f"{place}: {first['msg']}" if place else first["msg"]
        raise RequestError(400, f"The feedback cannot be read: {reason}.", 'Send {"id": "...", "label": "..."}.') from None


def _refusal(error: Exception) -> RequestError:
    cause = error if isinstance(error, OSError) else error.__cause__
    if isinstance(error, DiskFull) or (isinstance(cause, OSError) and cause.errno in _FULL):
        _log.error("Feedback is not stored: the disk is full.")
        return RequestError(507, "The feedback was not stored: the server's disk is full.", "Try again when the operator has made room.")
    _log.error("Feedback is not stored: %s", error)
    return RequestError(503, "The feedback was not stored: the server cannot write to its folder.", "The server's log says why.")


_ERROR: dict[str, Any] = {
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["error", "hint"],
                "properties": {"error": {"type": "string"}, "hint": {"type": "string"}},
            }
        }
    }
}
_DOCUMENTATION: dict[str, Any] = {
    "summary": "This answer is wrong: the right class.",
    "openapi_extra": {"requestBody": {"required": True, "content": {"application/json": {"schema": FeedbackRequest.model_json_schema()}}}},
    "responses": {
        200: {"description": "It is stored, with the photo."},
        400: {"description": "Not feedback, or not a class of the model.", **_ERROR},
        404: {"description": "Feedback is off, or no recent answer has this id.", **_ERROR},
        413: {"description": "Too long.", **_ERROR},
        415: {"description": "Not JSON.", **_ERROR},
        503: {"description": "The folder cannot be written to.", **_ERROR},
        507: {"description": "The disk is full.", **_ERROR},
    },
}
