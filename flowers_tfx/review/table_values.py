"""Columns of per-photo tables as the page of a review reads them, whatever is wrong with them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from flowers_tfx import features

PROPERTIES = {prop.name: prop for prop in features.PROPERTIES}

Floats = npt.NDArray[np.float64]


def numbers(frame: pd.DataFrame, name: str) -> Floats:
    """A number a row, NaN where it is missing; empty without the column."""
    if name not in frame:
        return np.zeros(0)
    return pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)


def texts(frame: pd.DataFrame, name: str) -> list[str]:
    """A text a row, empty where it is missing."""
    if name not in frame:
        return [""] * len(frame)
    return ["" if value is None or value is pd.NA or value != value else str(value) for value in frame[name].tolist()]
