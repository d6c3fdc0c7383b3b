"""Two pandas tables as photos with the same features, and a finding for everything in them that cannot be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flowers_tfx import features
from flowers_tfx.class_names import with_class_names
from flowers_tfx.features import PROPERTIES, Property
from flowers_tfx.validation.review import Finding
from flowers_tfx.validation.tables import checks
from flowers_tfx.validation.tables.columns import number_column, word_column, word_column_of
from flowers_tfx.validation.tables.photo_table import Floats, Photos, Words

NOTHING_UNMEASURED: Mapping[str, str] = {}


@dataclass(frozen=True)
class Tables:
    """Both sides, with the same features, and what could not be compared. `labelled`: whether labels are compared."""

    baseline: Photos
    new: Photos
    findings: tuple[Finding, ...]
    labelled: bool = True


def read_tables(
    baseline: pd.DataFrame, new: pd.DataFrame, unmeasured: Mapping[str, str] = NOTHING_UNMEASURED, labelled: bool = True
) -> Tables:
    """Bad values never raise: each is a finding, and its feature is left out on both sides.

    `unmeasured`: image properties that some photos were never measured for, and which photos these are. `labelled`: whether the new photos
    should have labels. If not, and none has one, labels are not compared; existing labels are.
    """
    findings = [*checks.repeated_columns(baseline, "baseline"), *checks.repeated_columns(new, "new")]
    frames = tuple(_in_order(with_class_names(frame.loc[:, ~frame.columns.duplicated()])) for frame in (baseline, new))
    baseline, new = frames
    labelled = labelled or checks.has_labels(new)
    findings += [] if labelled else [checks.unlabelled_photos()]
    for side, frame in zip(checks.SIDES, frames, strict=True):
        findings += [*checks.check_size(frame, side), *checks.check_identity(frame, side, labelled)]
    numbers: tuple[dict[str, Floats], dict[str, Floats]] = ({}, {})
    words: tuple[dict[str, Words], dict[str, Words]] = ({}, {})
    for prop in PROPERTIES:
        if prop.role == "identifier":
            continue
        if prop.name in unmeasured:
            findings.append(checks.unmeasured_property(prop, unmeasured[prop.name]))
            continue
        pair, problems = _read_property(prop, baseline, new)
        findings += problems
        columns: tuple[dict[str, Any], dict[str, Any]] = words if prop.kind == "string" else numbers
        for side_columns, values in zip(columns, pair, strict=False):
            side_columns[prop.name] = values
    embeddings, problems = checks.check_embeddings(baseline, new)
    findings += [*problems, *checks.unknown_columns(baseline, new)]
    sides = [_photos(*values) for values in zip(frames, numbers, words, embeddings, strict=True)]
    return Tables(sides[0], sides[1], tuple(findings), labelled)


def _photos(frame: pd.DataFrame, numbers: dict[str, Floats], words: dict[str, Words], embeddings: npt.NDArray[np.float32] | None) -> Photos:
    uris, digests, labels, phashes = (word_column_of(frame, name) for name in (features.URI, features.DIGEST, features.LABEL, "phash"))
    return Photos(uris, digests, labels, phashes, numbers, words, embeddings)


def _read_property(prop: Property, baseline: pd.DataFrame, new: pd.DataFrame) -> tuple[list[npt.NDArray[Any]], list[Finding]]:
    """The property's values in both tables, baseline first; empty if they cannot be compared."""
    missing = [side for side, frame in zip(checks.SIDES, (baseline, new), strict=True) if prop.name not in frame]
    if missing:
        return [], [checks.missing_column(prop, missing)]
    read = word_column if prop.kind == "string" else number_column
    pair: list[npt.NDArray[Any]] = [read(frame[prop.name]) for frame in (baseline, new)]
    findings = list(checks.broken_values(prop, pair[0], pair[1], new))
    if any(finding.level == "error" for finding in findings):
        return [], findings
    return (pair if prop.kind == "string" else [_finite(values) for values in pair]), findings


def _finite(values: npt.NDArray[Any]) -> Floats:
    floats = values.astype(np.float64)
    return np.where(np.isfinite(floats), floats, np.nan)


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows by digest, URI and label: a review must not change with the order in which photos are listed."""
    columns = (word_column_of(frame, name) for name in checks.IDENTITY)
    keys = list(zip(*(["" if word is None else word for word in column] for column in columns), strict=True))
    return frame.iloc[sorted(range(len(frame)), key=keys.__getitem__)]
