"""Tensors as little-endian bytes: the binary tensor data extension of the Open Inference Protocol, and the raw contents of its gRPC."""

from __future__ import annotations

import struct

import numpy as np

from flowers_tfx.serving.output_tensors import OutputTensor
from flowers_tfx.serving.requests import RequestError

_LENGTH = struct.Struct("<I")


def split_elements(content: bytes, number: int, name: str) -> list[bytes]:
    """The elements of a BYTES tensor, each after its length in 4 bytes. Raises RequestError unless there are `number` of them."""
    elements: list[bytes] = []
    position = 0
    while position < len(content):
        start = position + _LENGTH.size
        end = start + (_LENGTH.unpack_from(content, position)[0] if start <= len(content) else 0)
        if max(start, end) > len(content):
            raise RequestError(400, f"The binary data of {name} ends within an element.", "Each element comes after its length in 4 bytes.")
        if len(elements) == number:
            raise RequestError(400, f"The binary data of {name} has more than {number} elements, the number that its shape says.")
        elements.append(content[start:end])
        position = end
    if len(elements) < number:
        raise RequestError(400, f"The binary data of {name} has {len(elements)} elements, its shape says {number}.")
    return elements


def tensor_bytes(tensor: OutputTensor) -> bytes:
    if tensor.output.datatype == "BYTES":
        elements = [value.encode() for value in tensor.flat]
        return b"".join(_LENGTH.pack(len(element)) + element for element in elements)
    return np.asarray(tensor.flat, "?" if tensor.output.datatype == "BOOL" else "<f4").tobytes()
