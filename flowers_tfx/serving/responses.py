"""Answers as HTTP responses: JSON, and the errors of each protocol in its shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from flowers_tfx.serving.requests import RequestError, as_json

JSON = "application/json"
# TensorFlow Serving's and the Open Inference Protocol's errors hold one string.
_ONE_STRING = ("/v1/models/", "/v2")


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(as_json(value), status, headers, JSON)


def error_response(path: str, error: RequestError) -> Response:
    body = {"error": error.sentence} if path.startswith(_ONE_STRING) else {"error": error.error, "hint": error.hint}
    return json_response(body, error.status, error.headers)
