"""Bodies of TensorFlow Serving's predict and classify requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowers_tfx.serving.json_body import parse_object
from flowers_tfx.serving.model_name import INPUT
from flowers_tfx.serving.photo_values import B64, read_photo
from flowers_tfx.serving.requests import RequestError
from flowers_tfx.serving.tensorflow_signature import SIGNATURE

# What an example may call its photo: the name of the model's input, that of our own Examples, that of TensorFlow's image Examples.
FEATURES = (INPUT, "image", "image/encoded")


@dataclass(frozen=True)
class PredictRequest:
    """`columnar`: the answer comes as one list per output, not as one object per photo."""

    photos: list[bytes]
    columnar: bool


def read_predict(body: bytes) -> PredictRequest:
    """Raises RequestError."""
    value = parse_object(body)
    _check_signature(value)
    if ("instances" in value) == ("inputs" in value):
        raise RequestError(400, "The body must have 'instances' or 'inputs', and only one of them.")
    if "inputs" in value:
        inputs = value["inputs"]
        columns = inputs if isinstance(inputs, dict) and set(inputs) != {B64} else {INPUT: inputs}
        return PredictRequest(_photos(_only_input(columns, "'inputs'"), f"inputs.{INPUT}"), columnar=True)
    return PredictRequest(read_instances(value["instances"]), columnar=False)


def read_instances(value: object) -> list[bytes]:
    """A photo of each row. Raises RequestError."""
    return [_instance(row, f"instances[{number}]") for number, row in enumerate(_some_list(value, "instances"))]


def read_classify(body: bytes) -> list[bytes]:
    """The photos of the examples. Raises RequestError."""
    value = parse_object(body)
    _check_signature(value)
    if "examples" not in value:
        raise RequestError(400, "The body has no 'examples'.")
    if not isinstance(value.get("context", {}), dict):
        raise RequestError(400, "'context' is not an object.")
    return [_example(row, f"examples[{number}]") for number, row in enumerate(_some_list(value["examples"], "examples"))]


def _check_signature(value: Mapping[str, Any]) -> None:
    name = value.get("signature_name", "")
    if not isinstance(name, str):
        raise RequestError(400, "'signature_name' is not a string.")
    if name not in ("", SIGNATURE):
        raise RequestError(400, f'Serving signature name: "{name}" not found in signature def', f"The signature is {SIGNATURE}.")


def _instance(row: object, name: str) -> bytes:
    if isinstance(row, dict) and set(row) != {B64}:
        return read_photo(_only_input(row, name), f"{name}.{INPUT}")
    return read_photo(row, name)


def _example(row: object, name: str) -> bytes:
    if not isinstance(row, dict):
        raise RequestError(400, f"{name} is not an object of features.")
    features = [feature for feature in FEATURES if feature in row]
    if len(features) != 1:
        raise RequestError(400, f"{name} must have one of the features {', '.join(FEATURES)}.")
    value = row[features[0]]
    if isinstance(value, list):
        if len(value) != 1:
            raise RequestError(400, f"{name}.{features[0]} has {len(value)} values, not one.")
        value = value[0]
    return read_photo(value, f"{name}.{features[0]}")


def _only_input(values: Mapping[str, Any], name: str) -> Any:
    if set(values) != {INPUT}:
        raise RequestError(400, f"{name} must have the input {INPUT} and no other.")
    return values[INPUT]


def _photos(values: object, name: str) -> list[bytes]:
    return [read_photo(value, f"{name}[{number}]") for number, value in enumerate(_some_list(values, name))]


def _some_list(values: object, name: str) -> list[Any]:
    if not isinstance(values, list) or not values:
        raise RequestError(400, f"'{name}' must be a list with one photo at least.")
    return values
