"""Writes a Parquet file with nothing but NumPy: Arrow would double the serving image (docs/adr/0040).

A small part of the format (https://parquet.apache.org/docs/file-format/): one row group, one gzip page a column, values in the encoding
PLAIN. Every reader of Parquet reads that; ours is pyarrow, in the commands that have it.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flowers_tfx.monitoring.record_columns import Column, Kind
from flowers_tfx.monitoring.thrift_compact import I64, Struct, encode_struct, varint

_MAGIC = b"PAR1"
_BOOLEAN, _INT64, _FLOAT, _DOUBLE, _BYTE_ARRAY = 0, 2, 4, 5, 6  # physical types
_TYPES: dict[Kind, int] = {
    "int": _INT64,
    "float": _DOUBLE,
    "string": _BYTE_ARRAY,
    "bool": _BOOLEAN,
    "time": _INT64,
    "floats": _FLOAT,
}
_CONVERTED: dict[Kind, int] = {"string": 0, "time": 10}  # UTF8; TIMESTAMP_MICROS, in UTC
_CONVERTED_LIST = 3
_LOGICAL: dict[Kind, Struct] = {"time": {8: {1: True, 2: {2: {}}}}}  # a timestamp, adjusted to UTC, in microseconds
_REQUIRED, _OPTIONAL, _REPEATED = 0, 1, 2
_PLAIN, _RLE = 0, 3
_GZIP = 2
_DATA_PAGE = 0

Levels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class _Page:
    """A column's values. `slots`: how many levels the page has, of values and of gaps."""

    slots: int
    content: bytes


def parquet_bytes(columns: Sequence[Column], rows: Sequence[dict[str, Any]]) -> bytes:
    """A file with these rows; a value that a row lacks is missing. Raises ValueError for a missing value of a column that is not
    optional."""
    out = bytearray(_MAGIC)
    chunks: list[Struct] = []
    for column in columns:
        values = [row.get(column.name) for row in rows]
        if not column.optional and any(value is None for value in values):
            raise ValueError(f"A row has no {column.name}.")
        page = _list_page(column, values) if column.kind == "floats" else _flat_page(column, values)
        compressed = gzip.compress(page.content, compresslevel=1, mtime=0)
        header = encode_struct(
            {1: _DATA_PAGE, 2: len(page.content), 3: len(compressed), 5: {1: page.slots, 2: _PLAIN, 3: _RLE, 4: _RLE}},
        )
        chunks.append(_column_chunk(column, page, len(out), len(header), len(compressed)))
        out += header + compressed
    footer = encode_struct(
        {
            1: 1,
            2: [{4: "records", 5: len(columns)}, *(element for column in columns for element in _schema(column))],
            3: I64(len(rows)),
            4: [{1: chunks, 2: I64(len(out) - len(_MAGIC)), 3: I64(len(rows))}],
            6: "flowers_tfx",
        }
    )
    return bytes(out) + footer + len(footer).to_bytes(4, "little") + _MAGIC


def _schema(column: Column) -> list[Struct]:
    """The elements of the schema; a list has three."""
    repetition = _OPTIONAL if column.optional else _REQUIRED
    leaf: dict[int, Any] = {1: _TYPES[column.kind], 3: repetition, 4: column.name}
    if column.kind != "floats":
        converted = {6: _CONVERTED[column.kind]} if column.kind in _CONVERTED else {}
        return [leaf | converted | ({10: _LOGICAL[column.kind]} if column.kind in _LOGICAL else {})]
    return [
        {3: repetition, 4: column.name, 5: 1, 6: _CONVERTED_LIST},
        {3: _REPEATED, 4: "list", 5: 1},
        {1: _FLOAT, 3: _REQUIRED, 4: "element"},
    ]


def _column_chunk(column: Column, page: _Page, offset: int, header_bytes: int, compressed_bytes: int) -> Struct:
    path = [column.name, "list", "element"] if column.kind == "floats" else [column.name]
    meta: Struct = {
        1: _TYPES[column.kind],
        2: [_PLAIN, _RLE],
        3: path,
        4: _GZIP,
        5: I64(page.slots),
        6: I64(header_bytes + len(page.content)),
        7: I64(header_bytes + compressed_bytes),
        9: I64(offset),
    }
    return {2: I64(offset), 3: meta}


def _flat_page(column: Column, values: Sequence[Any]) -> _Page:
    present = [value for value in values if value is not None]
    levels = np.array([value is not None for value in values], np.uint8)
    return _Page(len(values), (_levels(levels, 1) if column.optional else b"") + _plain(column.kind, present))


def _list_page(column: Column, values: Sequence[Any]) -> _Page:
    """Repetition level 0: a new row, 1: the same one. The highest definition level: a value; one below: an empty list; 0 of an optional
    column: no list."""
    highest = 2 if column.optional else 1
    arrays = [None if value is None else np.asarray(value, "<f4") for value in values]
    repetitions, definitions = [], []
    for array in arrays:
        slots = max(1, 0 if array is None else len(array))
        repetition = np.ones(slots, np.uint8)
        repetition[0] = 0
        repetitions.append(repetition)
        level = highest if array is not None and len(array) else highest - 1 if array is not None else 0
        definitions.append(np.full(slots, level, np.uint8))
    empty: list[Levels] = [np.zeros(0, np.uint8)]
    levels = [np.concatenate(parts or empty) for parts in (repetitions, definitions)]
    content = _levels(levels[0], 1) + _levels(levels[1], highest.bit_length())
    content += b"".join(array.tobytes() for array in arrays if array is not None)
    return _Page(len(levels[0]), content)


def _levels(levels: Levels, width: int) -> bytes:
    """The hybrid of run lengths and packed bits, as one packed run; its length comes first."""
    groups = -(-len(levels) // 8)
    padded = np.zeros(8 * groups, np.uint8)
    padded[: len(levels)] = levels
    bits = padded[:, np.newaxis] >> np.arange(width, dtype=np.uint8) & 1
    run = varint(groups << 1 | 1) + np.packbits(bits.ravel(), bitorder="little").tobytes()
    return len(run).to_bytes(4, "little") + run


def _plain(kind: Kind, values: Sequence[Any]) -> bytes:
    if kind == "string":
        texts = [str(value).encode() for value in values]
        return b"".join(len(text).to_bytes(4, "little") + text for text in texts)
    if kind == "bool":
        return np.packbits(np.array(values, np.uint8), bitorder="little").tobytes()
    return np.array(values, "<f8" if kind == "float" else "<i8").tobytes()
