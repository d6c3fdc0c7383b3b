"""What all parts of the report read from a review and from the tables behind it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from flowers_tfx import features
from flowers_tfx.validation.review import LEVELS, Finding, Review

PROPERTIES = {prop.name: prop for prop in features.PROPERTIES}

Floats = npt.NDArray[np.float64]


def by_severity(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: -LEVELS.index(finding.level))


def is_compared(review: Review) -> bool:
    return review.compared_with.get("kind") in ("serving", "span")


def numbers(frame: pd.DataFrame, name: str) -> Floats:
    """A number a row, NaN where it is missing; empty without the column."""
    if name not in frame:
        return np.zeros(0)
    return pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)


def texts(frame: pd.DataFrame, name: str) -> list[str]:
    """A word a row, empty where it is missing."""
    if name not in frame:
        return [""] * len(frame)
    return ["" if value is None or value is pd.NA or value != value else str(value) for value in frame[name].tolist()]
