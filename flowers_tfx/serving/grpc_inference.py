"""Inference requests and answers of the Open Inference Protocol as gRPC messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowers_tfx.serving.binary_tensors import split_elements, tensor_bytes
from flowers_tfx.serving.infer_request import InferRequest, check_input, check_outputs
from flowers_tfx.serving.model_name import INPUT, MODEL
from flowers_tfx.serving.output_tensors import output_tensors
from flowers_tfx.serving.requests import RequestError
from flowers_tfx.serving.service import Reply

_CONTENTS = {"BYTES": "bytes_contents", "FP32": "fp32_contents", "BOOL": "bool_contents"}


def read_infer_message(message: Any) -> InferRequest:
    """From a ModelInferRequest. Outputs are binary ("raw") where the input is. Raises RequestError."""
    if len(message.inputs) != 1:
        raise RequestError(400, f"The request has {len(message.inputs)} inputs.", f"The model has one, {INPUT}.")
    tensor = message.inputs[0]
    number = check_input(tensor.name, tensor.datatype, list(tensor.shape))
    names = [output.name for output in message.outputs]
    check_outputs(names)
    is_raw = len(message.raw_input_contents) > 0
    photos = _raw_photos(message, number) if is_raw else _typed_photos(tensor.contents, number)
    return InferRequest(message.id, photos, dict.fromkeys(names, is_raw), is_raw)


def _raw_photos(message: Any, number: int) -> list[bytes]:
    if len(message.raw_input_contents) != 1 or message.inputs[0].HasField("contents"):
        raise RequestError(400, "raw_input_contents must hold the one input, whose contents are then empty.")
    return split_elements(message.raw_input_contents[0], number, INPUT)


def _typed_photos(contents: Any, number: int) -> list[bytes]:
    photos = list(contents.bytes_contents)
    if len(photos) != number:
        raise RequestError(400, f"bytes_contents of {INPUT} has {len(photos)} elements, its shape says {number}.")
    return photos


def infer_response(classes: Mapping[str, Any], asked: InferRequest, reply: Reply) -> Any:
    """A ModelInferResponse. Raises RequestError for an output that is not there."""
    response = classes["ModelInferResponse"](model_name=MODEL, model_version=reply.version.version, id=asked.id or reply.id)
    for tensor, is_raw in asked.choose(output_tensors(reply.version, reply.whole())):
        datatype = tensor.output.datatype
        output = response.outputs.add(name=tensor.output.name, datatype=datatype, shape=tensor.shape)
        if is_raw:
            response.raw_output_contents.append(tensor_bytes(tensor))
        else:
            values = [value.encode() for value in tensor.flat] if datatype == "BYTES" else tensor.flat
            getattr(output.contents, _CONTENTS[datatype]).extend(values)
    return response
