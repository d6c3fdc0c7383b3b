"""An inference request of the Open Inference Protocol, checked: what HTTP and gRPC have in common, and the JSON of HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowers_tfx.serving.binary_tensors import split_elements
from flowers_tfx.serving.json_body import parse_object
from flowers_tfx.serving.model_name import INPUT
from flowers_tfx.serving.output_tensors import OutputTensor
from flowers_tfx.serving.photo_values import read_photo
from flowers_tfx.serving.requests import RequestError

_SIZE = "binary_data_size"


@dataclass(frozen=True)
class InferRequest:
    """`outputs`: name of each wanted one, and whether it is wanted as binary data; empty for all, as `all_binary` says."""

    id: str
    photos: list[bytes]
    outputs: Mapping[str, bool]
    all_binary: bool = False

    def choose(self, tensors: Sequence[OutputTensor]) -> list[tuple[OutputTensor, bool]]:
        """The tensors that were asked for, in that order, and whether as binary data. Raises RequestError for one that is not there."""
        if not self.outputs:
            return [(tensor, self.all_binary) for tensor in tensors]
        by_name = {tensor.output.name: tensor for tensor in tensors}
        for name in self.outputs:
            if name not in by_name:
                raise RequestError(400, f"There is no output {name!r}.", f"Outputs: {', '.join(by_name)}.")
        return [(by_name[name], binary) for name, binary in self.outputs.items()]


def check_input(name: object, datatype: object, shape: object) -> int:
    """The number of photos, which the shape says. Raises RequestError for anything but photos."""
    if name != INPUT:
        raise RequestError(400, f"There is no input {name!r}.", f"The input is {INPUT}.")
    if datatype != "BYTES":
        raise RequestError(400, f"The datatype of {INPUT} is {datatype!r}.", "It must be BYTES.")
    is_shape = isinstance(shape, list) and all(type(size) is int and size > 0 for size in shape)
    if not is_shape or not isinstance(shape, list) or len(shape) not in (1, 2) or shape[1:] not in ([], [1]):
        raise RequestError(400, f"The shape of {INPUT} is {shape!r}.", "It must be [N] or [N, 1], N being the number of photos.")
    return int(shape[0])


def check_outputs(names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        raise RequestError(400, "An output is asked for twice.")


def read_infer(body: bytes, json_size: str | None) -> InferRequest:
    """`json_size`: the header Inference-Header-Content-Length, None for a body that is all JSON. Raises RequestError."""
    size = len(body) if json_size is None else _header_size(json_size, len(body))
    value = parse_object(body[:size])
    parameters = _parameters(value, "the request")
    request_id = value.get("id")
    if request_id is not None and not isinstance(request_id, str):
        raise RequestError(400, "'id' is not a string.")
    inputs = _objects(value.get("inputs"), "inputs")
    if len(inputs) != 1:
        raise RequestError(400, f"The request has {len(inputs)} inputs.", f"The model has one, {INPUT}.")
    return InferRequest(
        request_id or "",
        _photos(inputs[0], body[size:]),
        _wanted_outputs(value.get("outputs"), _flag(parameters, "binary_data_output")),
        _flag(parameters, "binary_data_output"),
    )


def _header_size(text: str, body: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 12 and int(text) <= body):
        raise RequestError(400, "Inference-Header-Content-Length is not a number of bytes of the body.")
    return int(text)


def _photos(value: Mapping[str, Any], binary: bytes) -> list[bytes]:
    number = check_input(value.get("name"), value.get("datatype"), value.get("shape"))
    size, data = _parameters(value, INPUT).get(_SIZE), value.get("data")
    if (size is None) == (data is None):
        raise RequestError(400, f"{INPUT} must have 'data' or the parameter {_SIZE}, and only one of them.")
    if data is None:
        if type(size) is not int or size != len(binary):
            raise RequestError(400, f"{_SIZE} of {INPUT} is {size!r}, after the JSON are {len(binary)} bytes.")
        return split_elements(binary, number, INPUT)
    if binary:
        raise RequestError(400, f"After the JSON are {len(binary)} bytes that belong to no input.")
    if not isinstance(data, list):
        raise RequestError(400, f"'data' of {INPUT} is not a list.")
    if len(data) != number:
        raise RequestError(400, f"'data' of {INPUT} has {len(data)} elements, its shape says {number}.")
    is_nested = len(value["shape"]) == 2
    elements = [element[0] if is_nested and isinstance(element, list) and len(element) == 1 else element for element in data]
    return [read_photo(element, f"{INPUT}.data[{place}]") for place, element in enumerate(elements)]


def _wanted_outputs(value: object, all_binary: bool) -> dict[str, bool]:
    outputs: dict[str, bool] = {}
    wanted = [] if value is None else _objects(value, "outputs")
    names = [output.get("name") for output in wanted]
    if not all(isinstance(name, str) for name in names):
        raise RequestError(400, "An element of 'outputs' has no name.")
    check_outputs([str(name) for name in names])
    for name, output in zip(names, wanted, strict=True):
        parameters = _parameters(output, f"the output {name!r}")
        if parameters.get("classification"):
            raise RequestError(400, "The parameter 'classification' is not taken.", "Ask for probabilities.")
        outputs[str(name)] = _flag(parameters, "binary_data", all_binary)
    return outputs


def _parameters(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    parameters = value.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise RequestError(400, f"'parameters' of {name} are not an object.")
    return parameters


def _flag(parameters: Mapping[str, Any], name: str, default: bool = False) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise RequestError(400, f"The parameter {name} is not true or false.")
    return value


def _objects(values: object, name: str) -> list[dict[str, Any]]:
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise RequestError(400, f"'{name}' is not a list of objects.")
    return values
