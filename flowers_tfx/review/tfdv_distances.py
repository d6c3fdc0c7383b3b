"""TFDV's own distances between two tables of photos, as its drift comparators measure them.

They are recorded and shown, but do not affect the verdict: even without drift they depend on sample sizes and ties.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from flowers_tfx import features

_SMALLEST = 1e-9  # every distance exceeds this threshold: TFDV reports only distances above one
_MOST_ROWS = 20_000


def tfdv_distances(baseline: pd.DataFrame, new: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    """Feature to `tfdv_jensen_shannon_divergence` of numbers or `tfdv_l_infinity_norm` of strings."""
    import tensorflow_data_validation as tfdv  # loads TensorFlow
    from tensorflow_metadata.proto.v0 import anomalies_pb2

    compared = [p for p in features.PROPERTIES if p.role != "identifier" and p.name in baseline and p.name in new]
    names = [p.name for p in compared] + [name for name in (features.LABEL,) if name in baseline and name in new]
    if not len(baseline) or not len(new) or not names:
        return {}
    old, fresh = (_statistics(tfdv, frame, names) for frame in (baseline, new))
    schema = tfdv.infer_schema(old)
    numeric = {p.name for p in compared if p.kind != "string"}
    for feature in schema.feature:
        if feature.name in numeric:
            feature.drift_comparator.jensen_shannon_divergence.threshold = _SMALLEST
        else:
            feature.drift_comparator.infinity_norm.threshold = _SMALLEST
    jensen_shannon = anomalies_pb2.DriftSkewInfo.Measurement.JENSEN_SHANNON_DIVERGENCE
    distances: dict[str, dict[str, float | None]] = {}
    for info in tfdv.validate_statistics(fresh, schema, previous_statistics=old).drift_skew_info:
        for measurement in info.drift_measurements:
            method = "jensen_shannon_divergence" if measurement.type == jensen_shannon else "l_infinity_norm"
            distances.setdefault(info.path.step[0], {})[f"tfdv_{method}"] = float(measurement.value)
    return distances


def _statistics(tfdv: Any, frame: pd.DataFrame, names: list[str]) -> Any:
    rows = frame[names]
    if len(rows) > _MOST_ROWS:
        rows = rows.sample(_MOST_ROWS, random_state=0)
    plain = pd.DataFrame({name: rows[name].astype("float64") if rows[name].dtype == "Int64" else rows[name] for name in names})
    return tfdv.generate_statistics_from_dataframe(plain)
