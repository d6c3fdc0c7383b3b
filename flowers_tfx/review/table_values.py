"""Columns of per-photo tables for the page of a review; bad values never raise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from flowers_tfx import features

PROPERTIES = {prop.name: prop for prop in features.PROPERTIES}

Floats = npt.NDArray[np.float64]


def numbers(frame: pd.DataFrame, name: str) -> Floats:
    """One number per row, NaN if missing; empty without the column."""
    if name not in frame:
        return np.zeros(0)
    return pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)


def words(frame: pd.DataFrame, name: str) -> list[str]:
    """One text per row, empty if missing."""
    if name not in frame:
        return [""] * len(frame)
    return ["" if value is None or value is pd.NA or value != value else str(value) for value in frame[name].tolist()]
