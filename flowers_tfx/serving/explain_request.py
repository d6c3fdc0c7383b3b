"""What a request for explanations asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from flowers_tfx.class_names import class_name
from flowers_tfx.errors import InputError
from flowers_tfx.explain.methods import find_method
from flowers_tfx.serving.json_body import parse_object
from flowers_tfx.serving.requests import RequestError
from flowers_tfx.serving.tensorflow_requests import read_instances

MapKind = Literal["png", "values", "none"]
MAPS: tuple[MapKind, ...] = get_args(MapKind)
METHOD: Literal["rise"] = "rise"  # the one that needs no gradients, and so no TensorFlow
_PARAMETERS = ("label", "method", "map")


@dataclass(frozen=True)
class Wish:
    """`label`: the class to explain; None for the answer of each photo. `map`: in which form the heat map is wanted."""

    label: str | None
    map: MapKind


def read_wish(query: Sequence[tuple[str, str]]) -> Wish:
    """From the parameters of the query. Raises RequestError for those that are unknown, or named twice."""
    values = dict(query)
    unknown = [name for name in values if name not in _PARAMETERS]
    if unknown:
        raise RequestError(400, f"The parameter {unknown[0]!r} is unknown.", f"Possible are {', '.join(_PARAMETERS)}.")
    if len(values) < len(query):
        raise RequestError(400, "A parameter is named twice.", "Name each once.")
    _check_method(values.get("method", METHOD))
    kind = values.get("map", MAPS[0])
    if kind not in MAPS:
        raise RequestError(400, f"The map {kind!r} is unknown.", f"Choose one of {', '.join(MAPS)}.")
    label = values.get("label")
    return Wish(None if label is None else class_name(label), kind)


def read_photos(content_type: str, body: bytes) -> list[bytes]:
    """Of a body that is a photo, or JSON with `instances` like that of TensorFlow Serving's predict. Raises RequestError.

    The type of the content decides which of them it is, where it says so: curl's default says nothing.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith("multipart/"):
        raise RequestError(415, f"The content type {kind} is not taken.", "Send one photo as image/jpeg or image/png, or several as JSON.")
    if kind == "application/json" or (not kind.startswith("image/") and body.lstrip()[:1] == b"{"):
        return _read_json(body)
    if not body:
        raise RequestError(400, "The request has no body.", "Send a JPEG or PNG file as the body, or JSON with instances.")
    return [body]


def _read_json(body: bytes) -> list[bytes]:
    value = parse_object(body)
    unknown = [name for name in value if name != "instances"]
    if unknown:
        hint = f"It belongs into the query: :explain?{unknown[0]}=..." if unknown[0] in _PARAMETERS else "Send `instances` alone."
        raise RequestError(400, f"The body has the key {unknown[0]!r}, which is unknown.", hint)
    if "instances" not in value:
        raise RequestError(400, "The body has no 'instances'.")
    return read_instances(value["instances"])


def find_label(wish: Wish, labels: Sequence[str]) -> int | None:
    """The index of the class to explain, if one is named. Raises RequestError for one that the model does not have."""
    if wish.label is None:
        return None
    if wish.label not in labels:
        raise RequestError(400, f'"{wish.label}" is not a class of the model.', f"The classes are {', '.join(labels)}.")
    return labels.index(wish.label)


def _check_method(name: str) -> None:
    try:
        method = find_method(name)
    except InputError as error:
        raise RequestError(400, error.message, error.hint) from None
    if method != METHOD:
        raise RequestError(
            400, f"The service explains with {METHOD} alone.", f"The command `flowers explain --method {method}` runs the other methods."
        )
