"""Thrift's compact protocol, as far as the footer and the page headers of a Parquet file need it.

Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, Union

_TRUE, _FALSE, _I32, _I64, _BINARY, _LIST, _STRUCT = 1, 2, 5, 6, 8, 9, 12
_SHORT_LIST = 15


@dataclass(frozen=True)
class I64:
    """A whole number of 64 bits; a plain int has 32."""

    value: int


Value: TypeAlias = Union[bool, int, I64, str, "Sequence[Value]", "Mapping[int, Value]"]
Struct: TypeAlias = Mapping[int, Value]  # by the number of the field


def encode_struct(fields: Struct) -> bytes:
    out, last = bytearray(), 0
    for number, value in sorted(fields.items()):
        kind, data = _encode(value)
        step = number - last
        out += bytes([step << 4 | kind]) if step < 16 else bytes([kind]) + _zigzag(number)
        out += data
        last = number
    return bytes(out) + b"\0"


def varint(number: int) -> bytes:
    """ULEB128 of a number that is not negative."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _zigzag(number: int) -> bytes:
    return varint(number << 1 if number >= 0 else (-number << 1) - 1)


def _encode(value: Value) -> tuple[int, bytes]:
    """The type's code, and the value."""
    if isinstance(value, bool):
        return (_TRUE if value else _FALSE), b""  # the code is the value; lists of them would be written otherwise
    if isinstance(value, I64):
        return _I64, _zigzag(value.value)
    if isinstance(value, int):
        return _I32, _zigzag(value)
    if isinstance(value, str):
        text = value.encode()
        return _BINARY, varint(len(text)) + text
    if isinstance(value, Mapping):
        return _STRUCT, encode_struct(value)
    items = [_encode(item) for item in value]
    kind = items[0][0]  # no list of a Parquet footer of ours is empty
    head = bytes([len(items) << 4 | kind]) if len(items) < _SHORT_LIST else bytes([_SHORT_LIST << 4 | kind]) + varint(len(items))
    return _LIST, head + b"".join(data for _, data in items)
