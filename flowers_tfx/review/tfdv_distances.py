"""TFDV's own distances between two tables of photos, as its drift comparators measure them. Recorded and shown; nothing is decided by them:
what they are without drift depends on the size of the sample and on ties."""

from __future__ import annotations

import pandas as pd
import tensorflow_data_validation as tfdv

from flowers_tfx import features

_SMALLEST = 1e-9  # a threshold that everything exceeds, since TFDV tells a distance only where there is one
_MOST_ROWS = 20_000


def tfdv_distances(baseline: pd.DataFrame, new: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    """Feature to `tfdv_jensen_shannon_divergence` of numbers or `tfdv_l_infinity_norm` of strings."""
    wanted = [p for p in features.PROPERTIES if p.name != "phash" and p.name in baseline and p.name in new]
    names = [p.name for p in wanted] + [name for name in (features.LABEL,) if name in baseline and name in new]
    if not len(baseline) or not len(new) or not names:
        return {}
    old, fresh = (_statistics(frame, names) for frame in (baseline, new))
    schema = tfdv.infer_schema(old)
    numeric = {p.name for p in wanted if p.kind != "string"}
    for feature in schema.feature:
        if feature.name in numeric:
            feature.drift_comparator.jensen_shannon_divergence.threshold = _SMALLEST
        else:
            feature.drift_comparator.infinity_norm.threshold = _SMALLEST
    anomalies = tfdv.validate_statistics(fresh, schema, previous_statistics=old)
    found: dict[str, dict[str, float | None]] = {}
    for info in anomalies.drift_skew_info:
        for measured in info.drift_measurements:
            kind = "jensen_shannon_divergence" if measured.type == JENSEN_SHANNON else "l_infinity_norm"
            found.setdefault(info.path.step[0], {})[f"tfdv_{kind}"] = float(measured.value)
    return found


def _statistics(frame: pd.DataFrame, names: list[str]) -> object:
    rows = frame[names]
    if len(rows) > _MOST_ROWS:
        rows = rows.sample(_MOST_ROWS, random_state=0)
    plain = pd.DataFrame({name: rows[name].astype("float64") if rows[name].dtype == "Int64" else rows[name] for name in names})
    return tfdv.generate_statistics_from_dataframe(plain)


def _jensen_shannon() -> int:
    from tensorflow_metadata.proto.v0 import anomalies_pb2

    return int(anomalies_pb2.DriftSkewInfo.Measurement.JENSEN_SHANNON_DIVERGENCE)


JENSEN_SHANNON = _jensen_shannon()
