"""Per-photo tables as the tests need them: typed, aligned, and with a finding for everything in them that cannot be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flowers_tfx import features
from flowers_tfx.features import PROPERTIES, Property
from flowers_tfx.validation.review import Example, Finding

FEW_PHOTOS = 20
# Shares of broken values, in points, from which a feature is no longer worth believing.
BROKEN_ERROR = 5.0
# What is known by other names, or told by other columns: no test of its own.
UNTESTED = frozenset({"phash", "size_band", "light_band"})
NUMERIC = tuple(p for p in PROPERTIES if p.kind != "string" and p.name not in ("capture_month", "exif_orientation", "grayscale"))
CATEGORIES = tuple(p for p in PROPERTIES if p not in NUMERIC and p.name not in UNTESTED)

NOTHING: Mapping[str, str] = {}

Floats = npt.NDArray[np.float64]
_IDENTITY = (features.DIGEST, features.URI, features.LABEL)


@dataclass(frozen=True)
class Photos:
    """One side: a value a photo everywhere. Missing numbers are NaN, missing words None; `embeddings` are [N, F] or None."""

    uris: npt.NDArray[np.object_]
    digests: npt.NDArray[np.object_]
    labels: npt.NDArray[np.object_]
    phashes: npt.NDArray[np.object_]
    numbers: Mapping[str, Floats]
    words: Mapping[str, npt.NDArray[np.object_]]
    embeddings: npt.NDArray[np.float32] | None

    def __len__(self) -> int:
        return len(self.uris)

    def rows(self, chosen: npt.NDArray[Any]) -> Photos:
        return Photos(
            self.uris[chosen],
            self.digests[chosen],
            self.labels[chosen],
            self.phashes[chosen],
            {name: values[chosen] for name, values in self.numbers.items()},
            {name: values[chosen] for name, values in self.words.items()},
            None if self.embeddings is None else self.embeddings[chosen],
        )

    def examples(self, rows: Iterable[int], feature: str = "") -> tuple[Example, ...]:
        return tuple(Example(self.uris[i] or "", self.digests[i] or "", self.labels[i] or "", self._value(i, feature)) for i in rows)

    def _value(self, row: int, feature: str) -> float | str | None:
        if feature in self.numbers:
            value = float(self.numbers[feature][row])
            return value if np.isfinite(value) else None
        return self.words[feature][row] if feature in self.words else None

    @property
    def digest(self) -> str:
        """sha256 over every value, in whatever order the rows stand."""
        lines = []
        names = [*sorted(self.numbers), *sorted(self.words)]
        columns = [self.numbers[name].tolist() if name in self.numbers else self.words[name].tolist() for name in names]
        for row, (uri, digest, label, phash) in enumerate(zip(self.uris, self.digests, self.labels, self.phashes, strict=True)):
            picture = b"" if self.embeddings is None else self.embeddings[row].tobytes()
            values = repr((uri, digest, label, phash, [column[row] for column in columns])).encode()
            lines.append(hashlib.sha256(values + picture).digest())
        return hashlib.sha256(repr(names).encode() + b"".join(sorted(lines))).hexdigest()


@dataclass(frozen=True)
class Tables:
    """Both sides, with the same features, and what could not be compared."""

    baseline: Photos
    new: Photos
    findings: tuple[Finding, ...]


def read_tables(baseline: pd.DataFrame, new: pd.DataFrame, unmeasured: Mapping[str, str] = NOTHING) -> Tables:
    """Never raises on what the values are: a finding says what is wrong, and that feature is left out on both sides. `unmeasured`: image
    properties that some photos were never measured for, and which photos these are."""
    said_twice = [*_twice(baseline, "baseline"), *_twice(new, "new")]
    baseline, new = (_in_order(frame.loc[:, ~frame.columns.duplicated()]) for frame in (baseline, new))
    findings: list[Finding] = [*said_twice, *_sizes(baseline, new), *_identities(baseline, "baseline"), *_identities(new, "new")]
    numbers: tuple[dict[str, Floats], dict[str, Floats]] = ({}, {})
    words: tuple[dict[str, npt.NDArray[np.object_]], dict[str, npt.NDArray[np.object_]]] = ({}, {})
    for prop in PROPERTIES:
        if prop.name == "phash":
            continue
        if prop.name in unmeasured:
            findings.append(_unmeasured(prop, unmeasured[prop.name]))
            continue
        missing = [side for side, frame in (("baseline", baseline), ("new", new)) if prop.name not in frame]
        if missing:
            findings.append(_absent(prop, missing))
            continue
        numeric = prop.kind != "string"
        pair = [_numbers(frame[prop.name]) if numeric else _words(frame[prop.name]) for frame in (baseline, new)]
        found = list(_broken(prop, pair[0], pair[1], new))
        findings += found
        if any(finding.level == "error" for finding in found):
            continue
        if prop.kind != "string":
            for side, values in zip(numbers, pair, strict=True):
                side[prop.name] = np.where(np.isfinite(values.astype(np.float64)), values, np.nan).astype(np.float64)
        else:
            for side_words, values in zip(words, pair, strict=True):
                side_words[prop.name] = values
    pictures, said = _embeddings(baseline, new)
    findings += said
    findings += _unknown(baseline, new)
    sides = [
        Photos(_column(f, features.URI), _column(f, features.DIGEST), _column(f, features.LABEL), _column(f, "phash"), n, w, e)
        for f, n, w, e in zip((baseline, new), numbers, words, pictures, strict=True)
    ]
    return Tables(sides[0], sides[1], tuple(findings))


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows by digest, URI and label: a review must not change with the order in which photos were listed."""
    keys = list(zip(*(["" if word is None else word for word in _column(frame, name)] for name in _IDENTITY), strict=True))
    return frame.iloc[sorted(range(len(frame)), key=keys.__getitem__)]


def _twice(frame: pd.DataFrame, side: str) -> Iterator[Finding]:
    for name in sorted({str(column) for column, again in zip(frame.columns, frame.columns.duplicated(), strict=True) if again}):
        text = f"The {side} sample has several columns {name}: only the first was compared."
        yield Finding(f"schema:twice:{name}:{side}", "warn", "schema", name, text)


def _sizes(baseline: pd.DataFrame, new: pd.DataFrame) -> Iterator[Finding]:
    for side, frame in (("baseline", baseline), ("new", new)):
        if not len(frame):
            yield Finding(
                f"schema:empty:{side}", "error", "schema", side, f"The {side} sample holds no photos: there is nothing to compare."
            )
        elif len(frame) < FEW_PHOTOS:
            text = f"The {side} sample holds {len(frame)} photos: only very strong drift can be told from chance."
            yield Finding(f"schema:few:{side}", "warn", "schema", side, text, effect=float(len(frame)), unit="photos", threshold=FEW_PHOTOS)


def _identities(frame: pd.DataFrame, side: str) -> Iterator[Finding]:
    for name in _IDENTITY:
        if name not in frame:
            level = "error" if name == features.LABEL else "warn"
            yield Finding(f"schema:missing:{name}:{side}", level, "schema", name, f"The {side} sample has no column {name}.")  # type: ignore[arg-type]
        elif len(frame) and name == features.LABEL and (empty := int(_blank(frame[name]).sum())):
            text = f"{empty} of {len(frame)} photos of the {side} sample have no label."
            share = 100 * empty / len(frame)
            yield Finding(
                f"schema:unlabelled:{side}", "error" if share >= BROKEN_ERROR else "warn", "schema", name, text, effect=share, unit="points"
            )


def _blank(values: pd.Series[Any]) -> npt.NDArray[np.bool_]:
    return np.array([_is_missing(value) or (isinstance(value, str) and not value) for value in values.tolist()], bool)


def _is_missing(value: object) -> bool:
    """None, NaN, NA and NaT: of a list, which can hold them, it is not asked."""
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, (float, np.floating)) and bool(np.isnan(value)))


def _unmeasured(prop: Property, where: str) -> Finding:
    text = f"{prop.name} is not measured yet in {where}: it was not compared. `flowers spans measure` measures it."
    return Finding(f"schema:unmeasured:{prop.name}", "note", "schema", prop.name, text)


def _absent(prop: Property, missing: list[str]) -> Finding:
    where = " and ".join(f"the {side} sample" for side in missing)
    level = "note" if prop.name in UNTESTED else "error" if missing == ["new"] else "warn"
    text = f"{prop.name} is no column of {where}: it was not compared."
    return Finding(f"schema:missing:{prop.name}", level, "schema", prop.name, text)  # type: ignore[arg-type]


def _numbers(values: pd.Series[Any]) -> npt.NDArray[Any]:
    """Floats where they can be had; missing is NaN, and what is no number at all becomes None."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        floats: npt.NDArray[Any] = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return floats
    found = np.empty(len(values), object)
    for row, value in enumerate(values.tolist()):
        if _is_missing(value):
            found[row] = np.nan
        else:
            found[row] = float(value) if isinstance(value, (int, float, np.number, np.bool_)) else None
    return found.astype(np.float64) if all(value is not None for value in found) else found


def _words(values: pd.Series[Any]) -> npt.NDArray[np.object_]:
    blank = _blank(values)
    words = np.empty(len(values), object)
    words[:] = [None if empty else _word(value) for value, empty in zip(values.tolist(), blank, strict=True)]
    return words


def _word(value: object) -> str:
    # A column of whole numbers with a gap is one of floats.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _broken(prop: Property, old: npt.NDArray[Any], new: npt.NDArray[Any], frame: pd.DataFrame) -> Iterator[Finding]:
    """Values that the feature cannot have. An error takes the feature out of the comparison."""
    for side, values in (("baseline", old), ("new", new)):
        photos = len(values)
        if not photos:
            continue
        if values.dtype == object and prop.kind != "string":
            bad = sum(value is None for value in values)
            text = f"{prop.name} of the {side} sample is no number in {bad} of {photos} photos."
            yield Finding(f"schema:type:{prop.name}:{side}", "error", "schema", prop.name, text, effect=100 * bad / photos, unit="points")
            return
        if prop.kind == "string":
            missing = np.array([value is None for value in values], bool)
            wild = np.array([bool(prop.values) and value is not None and value not in prop.values for value in values], bool)
        else:
            missing = np.isnan(values)
            low, high = (-np.inf if prop.low is None else prop.low), (np.inf if prop.high is None else prop.high)
            with np.errstate(invalid="ignore"):
                wild = np.isinf(values) | (values < low) | (values > high)
        if missing.all():
            if not prop.optional:
                text = f"{prop.name} is missing in all photos of the {side} sample: it cannot be compared."
                yield Finding(f"schema:missing:{prop.name}:{side}", "error", "schema", prop.name, text, effect=100.0, unit="points")
            continue
        if not prop.optional and missing.any():
            yield _share(prop, side, missing, frame, "missing", "has no number (missing or NaN)" if prop.kind != "string" else "is missing")
        if wild.any():
            yield _share(prop, side, wild, frame, "range", "is infinite or out of its range" if prop.kind != "string" else "is unknown")


def _share(prop: Property, side: str, bad: npt.NDArray[np.bool_], new: pd.DataFrame, name: str, words: str) -> Finding:
    share = 100 * float(bad.mean())
    rows = np.flatnonzero(bad)[:5]
    uris, digests = _column(new, features.URI), _column(new, features.DIGEST)
    examples = tuple(Example(uris[i] or "", digests[i] or "") for i in rows) if side == "new" else ()
    text = f"{prop.name} {words} in {int(bad.sum())} of {len(bad)} photos of the {side} sample."
    level = "error" if share >= BROKEN_ERROR else "warn"
    return Finding(
        f"schema:{name}:{prop.name}:{side}",
        level,  # type: ignore[arg-type]
        "schema",
        prop.name,
        text,
        effect=share,
        unit="points",
        threshold=BROKEN_ERROR if level == "error" else 0.0,
        examples=examples,
    )


def _unknown(baseline: pd.DataFrame, new: pd.DataFrame) -> Iterator[Finding]:
    known = {
        features.URI,
        features.DIGEST,
        features.LABEL,
        features.LABEL_INT,
        features.SPAN,
        "split",
        features.EMBEDDING,
        *features.PROPERTY_NAMES,
    }
    for name in sorted({str(column) for column in new.columns} ^ {str(column) for column in baseline.columns}):
        if name not in known:
            side = "new" if name in new else "baseline"
            yield Finding(
                f"schema:unknown:{name}", "note", "schema", name, f"Only the {side} sample has a column {name}: it was not compared."
            )


def _embeddings(baseline: pd.DataFrame, new: pd.DataFrame) -> tuple[list[npt.NDArray[np.float32] | None], list[Finding]]:
    old, fresh = (_matrix(frame) for frame in (baseline, new))
    if not isinstance(old, str) and not isinstance(fresh, str):
        if old.shape[1] == fresh.shape[1] or not len(old) or not len(fresh):
            return [old, fresh], []
        text = f"The embeddings come from other networks ({old.shape[1]} and {fresh.shape[1]} numbers): the content was not compared."
        return [None, None], [Finding("schema:embedding", "warn", "schema", features.EMBEDDING, text)]
    arrays = (old, fresh)
    reasons = [f"the {side} sample {array}" for side, array in zip(("baseline", "new"), arrays, strict=True) if isinstance(array, str)]
    broken = any(array != "has no embeddings" for array in arrays if isinstance(array, str))
    one_sided = len(reasons) == 1
    text = f"The content of the photos was not compared: {' and '.join(reasons)}."
    level = "error" if broken else "warn" if one_sided else "note"
    return [None, None], [Finding("schema:embedding", level, "schema", features.EMBEDDING, text)]  # type: ignore[arg-type]


def _matrix(frame: pd.DataFrame) -> npt.NDArray[np.float32] | str:
    """[N, F], rows of NaN where a photo has none, or why there is no matrix."""
    if features.EMBEDDING not in frame:
        return "has no embeddings"
    if not len(frame):
        return np.zeros((0, 0), np.float32)
    values = frame[features.EMBEDDING].tolist()
    if all(map(_is_missing, values)):
        return "has no embeddings"
    try:
        with np.errstate(over="ignore"):  # what float32 cannot hold is not finite, which is said
            vectors = [None if _is_missing(value) else np.asarray(value, np.float32) for value in values]
    except (TypeError, ValueError):
        return "has embeddings that are no lists of numbers"
    shapes = {vector.shape for vector in vectors if vector is not None}
    if any(len(shape) != 1 for shape in shapes):
        return "has embeddings that are no lists of numbers"
    if len(shapes) != 1 or shapes == {(0,)}:
        return "has embeddings of several lengths" if len(shapes) > 1 else "has embeddings without numbers"
    nothing = np.full(shapes.pop(), np.nan, np.float32)
    return np.stack([nothing if vector is None else vector for vector in vectors])


def _column(frame: pd.DataFrame, name: str) -> npt.NDArray[np.object_]:
    if name not in frame:
        return np.full(len(frame), None, object)
    return _words(frame[name])
