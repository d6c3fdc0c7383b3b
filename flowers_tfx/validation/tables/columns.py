"""Columns of a pandas frame as arrays, from any pandas type."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flowers_tfx import features
from flowers_tfx.validation.tables.photo_table import Words

# Why there is no matrix of embeddings: the ends of keys of texts.
NO_EMBEDDINGS = "none"


def number_column(values: pd.Series[Any]) -> npt.NDArray[Any]:
    """Floats, NaN for missing values. If a value is not a number it becomes None, and the array has dtype object."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        floats: npt.NDArray[Any] = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return floats
    column = np.empty(len(values), object)
    for row, value in enumerate(values.tolist()):
        if is_missing(value):
            column[row] = np.nan
        else:
            column[row] = float(value) if isinstance(value, (int, float, np.number, np.bool_)) else None
    return column.astype(np.float64) if all(value is not None for value in column) else column


def word_column(values: pd.Series[Any]) -> Words:
    """Strings, None for missing and empty values."""
    words = np.empty(len(values), object)
    words[:] = [None if blank else _word(value) for value, blank in zip(values.tolist(), blanks(values), strict=True)]
    return words


def word_column_of(frame: pd.DataFrame, name: str) -> Words:
    """As `word_column`, by name; all None without such a column."""
    return word_column(frame[name]) if name in frame else np.full(len(frame), None, object)


def blanks(values: pd.Series[Any]) -> npt.NDArray[np.bool_]:
    return np.array([is_missing(value) or (isinstance(value, str) and not value) for value in values.tolist()], bool)


def is_missing(value: object) -> bool:
    """None, NaN, NA and NaT. A list is never missing."""
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, (float, np.floating)) and bool(np.isnan(value)))


def embedding_matrix(frame: pd.DataFrame) -> npt.NDArray[np.float32] | str:
    """[N, F], rows of NaN for photos without an embedding; or the reason why there is no matrix."""
    if features.EMBEDDING not in frame:
        return NO_EMBEDDINGS
    if not len(frame):
        return np.zeros((0, 0), np.float32)
    values = frame[features.EMBEDDING].tolist()
    if all(map(is_missing, values)):
        return NO_EMBEDDINGS
    try:
        with np.errstate(over="ignore"):  # values too large for float32 become infinite, which is reported
            vectors = [None if is_missing(value) else np.asarray(value, np.float32) for value in values]
    except (TypeError, ValueError):
        return "not_numbers"
    shapes = {vector.shape for vector in vectors if vector is not None}
    if any(len(shape) != 1 for shape in shapes):
        return "not_numbers"
    if len(shapes) > 1:
        return "lengths"
    if shapes == {(0,)}:
        return "empty"
    absent = np.full(shapes.pop(), np.nan, np.float32)
    return np.stack([absent if vector is None else vector for vector in vectors])


def _word(value: object) -> str:
    # A column of whole numbers with a gap is one of floats.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
