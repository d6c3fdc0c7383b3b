"""Errors in a table, as findings of the kind "schema"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flowers_tfx import features
from flowers_tfx.features import Property
from flowers_tfx.texts.finding_messages import MESSAGES
from flowers_tfx.validation.review import Example, Finding, Level
from flowers_tfx.validation.tables.columns import NO_EMBEDDINGS, blanks, embedding_matrix, word_column_of

Facts = dict[str, Any]
SIDES = ("baseline", "new")
IDENTITY = (features.DIGEST, features.URI, features.LABEL)
FEW_PHOTOS = 20
# Shares of broken values, in points, from which a feature cannot be trusted.
BROKEN_ERROR = 5.0
_KNOWN = {features.URI, features.DIGEST, features.LABEL, features.SPAN, features.EMBEDDING, "split", *features.RETIRED}


def repeated_columns(frame: pd.DataFrame, side: str) -> Iterator[Finding]:
    repeated = zip(frame.columns, frame.columns.duplicated(), strict=True)
    for name in sorted({str(column) for column, again in repeated if again}):
        yield _finding(f"twice:{name}:{side}", "warn", name, _facts("repeated_column", side, name=name))


def check_size(frame: pd.DataFrame, side: str) -> Iterator[Finding]:
    photos = len(frame)
    if not photos:
        yield _finding(f"empty:{side}", "error", side, _facts("empty_sample", side))
    elif photos < FEW_PHOTOS:
        facts = _facts("few_photos", side, photos=photos)
        yield _finding(f"few:{side}", "warn", side, facts, effect=float(photos), unit="photos", threshold=FEW_PHOTOS)


def check_identity(frame: pd.DataFrame, side: str, labelled: bool = True) -> Iterator[Finding]:
    """`labelled`: whether labels are compared at all."""
    for name in IDENTITY if labelled else (features.DIGEST, features.URI):
        if name not in frame:
            level: Level = "error" if name == features.LABEL else "warn"
            yield _finding(f"missing:{name}:{side}", level, name, _facts("missing_column", side, name=name))
        elif len(frame) and name == features.LABEL and (missing := int(blanks(frame[name]).sum())):
            share = 100 * missing / len(frame)
            facts = _facts("without_labels", side, count=missing, photos=len(frame))
            yield _finding(f"unlabelled:{side}", _level(share), name, facts, effect=share, unit="points")


def has_labels(frame: pd.DataFrame) -> bool:
    return features.LABEL in frame and not blanks(frame[features.LABEL]).all()


def unlabelled_photos() -> Finding:
    """A note: the new photos have no labels, and none are expected."""
    return _finding("unlabelled:new", "note", features.LABEL, {"text": "labels_not_compared"})


def unmeasured_property(prop: Property, where: str) -> Finding:
    return _finding(f"unmeasured:{prop.name}", "note", prop.name, {"text": "unmeasured", "feature": prop.name, "where": where})


def missing_column(prop: Property, sides: list[str]) -> Finding:
    level: Level = "note" if not prop.tested else "error" if sides == ["new"] else "warn"
    if len(sides) == 1:
        facts = _facts("property_missing_in_one", sides[0], feature=prop.name)
    else:
        facts = {"text": "property_missing_in_both", "feature": prop.name}
    return _finding(f"missing:{prop.name}", level, prop.name, facts)


def broken_values(prop: Property, old: npt.NDArray[Any], new: npt.NDArray[Any], new_frame: pd.DataFrame) -> Iterator[Finding]:
    """Values that the property cannot have. An error takes the property out of the comparison."""
    for side, values in zip(SIDES, (old, new), strict=True):
        photos = len(values)
        if not photos:
            continue
        if values.dtype == object and prop.kind != "string":
            bad = sum(value is None for value in values)
            facts = _facts("not_a_number", side, feature=prop.name, count=bad, photos=photos)
            yield _finding(f"type:{prop.name}:{side}", "error", prop.name, facts, effect=100 * bad / photos, unit="points")
            return
        missing, impossible = _missing(prop, values), _impossible(prop, values)
        if missing.all():
            if not prop.optional:
                facts = _facts("all_missing", side, feature=prop.name)
                yield _finding(f"missing:{prop.name}:{side}", "error", prop.name, facts, effect=100.0, unit="points")
            continue
        if not prop.optional and missing.any():
            yield _broken_share(prop, side, missing, new_frame, "missing", {"text": "some_missing"})
        if impossible.any():
            yield _broken_share(prop, side, impossible, new_frame, "range", _expected(prop))


def unknown_columns(baseline: pd.DataFrame, new: pd.DataFrame) -> Iterator[Finding]:
    for name in sorted({str(column) for column in new.columns} ^ {str(column) for column in baseline.columns}):
        if name not in _KNOWN and name not in features.PROPERTY_NAMES:
            side = "new" if name in new else "baseline"
            yield _finding(f"unknown:{name}", "note", name, _facts("unknown_column", side, name=name))


def check_embeddings(baseline: pd.DataFrame, new: pd.DataFrame) -> tuple[list[npt.NDArray[np.float32] | None], list[Finding]]:
    """The embeddings of both sides, or None twice and findings with the reason."""
    old, fresh = (embedding_matrix(frame) for frame in (baseline, new))
    if not isinstance(old, str) and not isinstance(fresh, str):
        if old.shape[1] == fresh.shape[1] or not len(old) or not len(fresh):
            return [old, fresh], []
        facts = {"text": "other_network", "old": old.shape[1], "new": fresh.shape[1]}
        return [None, None], [_finding("embedding", "warn", features.EMBEDDING, facts)]
    reasons = {side: matrix for side, matrix in zip(SIDES, (old, fresh), strict=True) if isinstance(matrix, str)}
    broken = any(reason != NO_EMBEDDINGS for reason in reasons.values())
    level: Level = "error" if broken else "warn" if len(reasons) == 1 else "note"
    named = {side: f"reason.{reason}" for side, reason in reasons.items()}
    facts = {"text": "no_content", **named} if len(named) > 1 else _facts("no_content_in_one", *named, reason=next(iter(named.values())))
    return [None, None], [_finding("embedding", level, features.EMBEDDING, facts)]


def incomplete_embeddings(broken: int, photos: int) -> Finding:
    share = 100 * broken / photos
    level = _level(share)
    facts = {"text": f"{'few' if level == 'warn' else 'many'}_embeddings_missing", "count": broken, "photos": photos}
    return _finding("embedding", level, features.EMBEDDING, facts, effect=share, unit="points")


def _broken_share(prop: Property, side: str, bad: npt.NDArray[np.bool_], new: pd.DataFrame, name: str, problem: Facts) -> Finding:
    share = 100 * float(bad.mean())
    rows = np.flatnonzero(bad)[:5].tolist() if side == "new" else []
    uris, digests = (word_column_of(new, column) for column in (features.URI, features.DIGEST))
    level = _level(share)
    return _finding(
        f"{name}:{prop.name}:{side}",
        level,
        prop.name,
        {**problem, **_sample(side), "feature": prop.name, "count": int(bad.sum()), "photos": len(bad)},
        effect=share,
        unit="points",
        threshold=BROKEN_ERROR if level == "error" else 0.0,
        examples=tuple(Example(uris[row] or "", digests[row] or "") for row in rows),
    )


def _missing(prop: Property, values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    return np.array([value is None for value in values], bool) if prop.kind == "string" else np.isnan(values)


def _impossible(prop: Property, values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    if prop.kind == "string":
        return np.array([bool(prop.values) and value is not None and value not in prop.values for value in values], bool)
    low, high = _bounds(prop)
    with np.errstate(invalid="ignore"):
        outside: npt.NDArray[np.bool_] = np.isinf(values) | (values < low) | (values > high)
    return outside


def _bounds(prop: Property) -> tuple[float, float]:
    return -np.inf if prop.low is None else prop.low, np.inf if prop.high is None else prop.high


def _expected(prop: Property) -> Facts:
    """What a value of the property should have been."""
    if prop.kind == "string":
        return {"text": "unexpected_word", "expected": list(prop.values)}
    low, high = _bounds(prop)
    if np.isinf(low):
        return {"text": "infinite"} if np.isinf(high) else {"text": "too_high", "high": high}
    return {"text": "too_low", "low": low} if np.isinf(high) else {"text": "out_of_range", "low": low, "high": high}


def _facts(text: str, side: str, **values: Any) -> Facts:
    return {"text": text, **_sample(side), **values}


def _sample(side: str) -> Facts:
    return {"sample": f"sample.{side}"}


def _level(share: float) -> Level:
    return "error" if share >= BROKEN_ERROR else "warn"


def _finding(name: str, level: Level, feature: str, facts: Facts, **more: Any) -> Finding:
    return Finding(f"schema:{name}", level, "schema", feature, MESSAGES.message(facts), facts=facts, **more)
