"""What the OpenAPI document says of the protocols' routes: parameters, bodies, and the errors that any request can meet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowers_tfx.serving.model_name import MODEL

JSON = "application/json"
Schema = Mapping[str, Any]
_REASONS = {
    400: "The request, or a photo in it, cannot be read.",
    401: "The token is missing or wrong.",
    404: "There is no such model or version here, or the operator switched this off.",
    413: "The request or a photo is too large.",
    415: "A photo, or the body, has a format that is not taken.",
    429: "Too many photos or requests wait; `Retry-After` says when to try again.",
    500: "The model failed; the version was taken out of service.",
    503: "No version can answer now, or not in time.",
}
_TEXT = {"type": "string"}
_STRING_ERROR = {"type": "object", "required": ["error"], "properties": {"error": _TEXT}}
_HINT_ERROR = {"type": "object", "required": ["error", "hint"], "properties": {"error": _TEXT, "hint": _TEXT}}
PHOTO = {
    "description": "A JPEG or PNG file in base64, standard or URL-safe.",
    "anyOf": [_TEXT, {"type": "object", "required": ["b64"], "properties": {"b64": _TEXT}, "additionalProperties": False}],
}


def errors(*, has_hint: bool = False) -> dict[int | str, dict[str, Any]]:
    """`has_hint`: the error body of `POST /predict`; else that of TensorFlow Serving and of the Open Inference Protocol."""
    schema = _HINT_ERROR if has_hint else _STRING_ERROR
    return {status: {"description": reason, "content": {JSON: {"schema": schema}}} for status, reason in _REASONS.items()}


def documentation(
    summary: str, answer: Schema, *, path: str = "", body: Schema | None = None, query: Mapping[str, Schema] | None = None
) -> dict[str, Any]:
    """Arguments of a route. `path`: the route's, for its parameters; `query`: more of them; `answer` and `body`: JSON schemas."""
    extra: dict[str, Any] = {
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": schema}
            for name, schema in (("name", {"enum": [MODEL]}), ("version", {"type": "string", "pattern": "^[0-9]{1,18}$"}))
            if f"{{{name}}}" in path
        ]
        + [{"name": name, "in": "query", "required": False, "schema": schema} for name, schema in (query or {}).items()]
    }
    if body is not None:
        extra["requestBody"] = {"required": True, "content": {JSON: {"schema": body}}}
    return {
        "summary": summary,
        "openapi_extra": extra,
        "responses": {200: {"description": "OK", "content": {JSON: {"schema": answer}}}, **errors()},
    }


def array(items: Schema, least: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": least}


def record(required: Mapping[str, Schema], **optional: Schema) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": {**required, **optional}}
