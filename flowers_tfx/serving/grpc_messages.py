"""Messages of the Open Inference Protocol over gRPC, and of gRPC's health checking protocol.

The classes are built when the server starts: code that protoc generates works with few versions of protobuf, and the two stacks have none
of them in common. Names and numbers are those of kserve/open-inference-protocol (open_inference_grpc.proto) and of grpc/health/v1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from google.protobuf import descriptor_pb2, message_factory

_INFERENCE = """
ServerLiveRequest
ServerLiveResponse: bool live = 1
ServerReadyRequest
ServerReadyResponse: bool ready = 1
ModelReadyRequest: string name = 1, string version = 2
ModelReadyResponse: bool ready = 1
ServerMetadataRequest
ServerMetadataResponse: string name = 1, string version = 2, repeated string extensions = 3
ModelMetadataRequest: string name = 1, string version = 2
TensorMetadata in ModelMetadataResponse: string name = 1, string datatype = 2, repeated int64 shape = 3
ModelMetadataResponse: string name = 1, repeated string versions = 2, string platform = 3, \
  repeated ModelMetadataResponse.TensorMetadata inputs = 4, repeated ModelMetadataResponse.TensorMetadata outputs = 5
InferParameter: oneof bool bool_param = 1, oneof int64 int64_param = 2, oneof string string_param = 3, \
  oneof double double_param = 4, oneof uint64 uint64_param = 5
InferTensorContents: repeated bool bool_contents = 1, repeated int32 int_contents = 2, repeated int64 int64_contents = 3, \
  repeated uint32 uint_contents = 4, repeated uint64 uint64_contents = 5, repeated float fp32_contents = 6, \
  repeated double fp64_contents = 7, repeated bytes bytes_contents = 8
InferInputTensor in ModelInferRequest: string name = 1, string datatype = 2, repeated int64 shape = 3, \
  map InferParameter parameters = 4, InferTensorContents contents = 5
InferRequestedOutputTensor in ModelInferRequest: string name = 1, map InferParameter parameters = 2
ModelInferRequest: string model_name = 1, string model_version = 2, string id = 3, map InferParameter parameters = 4, \
  repeated ModelInferRequest.InferInputTensor inputs = 5, repeated ModelInferRequest.InferRequestedOutputTensor outputs = 6, \
  repeated bytes raw_input_contents = 7
InferOutputTensor in ModelInferResponse: string name = 1, string datatype = 2, repeated int64 shape = 3, \
  map InferParameter parameters = 4, InferTensorContents contents = 5
ModelInferResponse: string model_name = 1, string model_version = 2, string id = 3, map InferParameter parameters = 4, \
  repeated ModelInferResponse.InferOutputTensor outputs = 5, repeated bytes raw_output_contents = 6
"""
_HEALTH = """
HealthCheckRequest: string service = 1
HealthCheckResponse: int32 status = 1
"""
INFERENCE_PACKAGE, HEALTH_PACKAGE = "inference", "grpc.health.v1"
# The protocol's enum travels as its number.
SERVING, NOT_SERVING = 1, 2
_MESSAGE = re.compile(r"^(\w+)(?: in (\w+))?(?:: (.*))?$")
_FIELD = re.compile(r"^(?:(repeated|oneof|map) )?([\w.]+) (\w+) = (\d+)$")
_Field = descriptor_pb2.FieldDescriptorProto


def message_classes() -> Mapping[str, Any]:
    """Name without its package to class."""
    files = [_file(INFERENCE_PACKAGE, _INFERENCE), _file(HEALTH_PACKAGE, _HEALTH)]
    # The one function for this that protobuf 3.20 and 6 have; its pool is new, so that no other library's messages are in the way.
    classes = message_factory.GetMessages(files)
    return {name.rpartition(".")[2]: message for name, message in classes.items()}


def _file(package: str, messages: str) -> Any:
    file = descriptor_pb2.FileDescriptorProto(name=f"{package.replace('.', '/')}.proto", package=package, syntax="proto3")
    by_name = {name: descriptor_pb2.DescriptorProto(name=name) for name, _, _ in _messages(messages)}
    for name, outer, fields in _messages(messages):
        path = f".{package}.{outer}.{name}" if outer else f".{package}.{name}"
        for field in fields:
            _add_field(by_name[name], path, package, field)
        if outer:
            by_name[outer].nested_type.add().CopyFrom(by_name[name])
    file.message_type.extend(by_name[name] for name, outer, _ in _messages(messages) if not outer)
    return file


def _messages(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """Name, name of the message around it, fields."""
    for line in text.strip().splitlines():
        name, outer, fields = _parts(_MESSAGE, line)
        yield name, outer or "", re.split(r",\s*", fields) if fields else []


def _add_field(message: Any, path: str, package: str, text: str) -> None:
    kind, type_name, name, number = _parts(_FIELD, text)
    field = message.field.add(
        name=name, number=int(number), label=_Field.LABEL_REPEATED if kind in ("repeated", "map") else _Field.LABEL_OPTIONAL
    )
    if kind == "map":
        entry = message.nested_type.add(name=f"{name.title()}Entry", options=descriptor_pb2.MessageOptions(map_entry=True))
        _add_field(entry, path, package, "string key = 1")
        _add_field(entry, path, package, f"{type_name} value = 2")
        field.type, field.type_name = _Field.TYPE_MESSAGE, f"{path}.{entry.name}"
    elif type_name[0].isupper():
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".{package}.{type_name}"
    else:
        field.type = _Field.Type.Value(f"TYPE_{type_name.upper()}")
    if kind == "oneof":
        if not message.oneof_decl:
            message.oneof_decl.add(name="parameter_choice")
        field.oneof_index = 0


def _parts(pattern: re.Pattern[str], text: str) -> Sequence[Any]:
    match = pattern.match(text)
    if match is None:
        raise ValueError(f"{text} is not written as the others are")
    return match.groups()
