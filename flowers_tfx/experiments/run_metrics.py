"""The numbers by which runs are compared, each under one name: of the evaluation on `test`, of the training, of the model's size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flowers_tfx.wilson import wilson_interval

ACCURACY, LATENCY, LITERT_BYTES, SAVED_MODEL_BYTES, SECONDS = "accuracy", "latency_ms", "litert_bytes", "saved_model_bytes", "seconds"
# Of these less is better.
_LESS_IS_BETTER = ("calibration_error", "eval.loss", "epochs", LATENCY, LITERT_BYTES, SAVED_MODEL_BYTES, SECONDS)


@dataclass(frozen=True)
class Metric:
    """`interval`: 95 %, where the number is a share of `photos`."""

    value: float
    interval: tuple[float, float] | None = None
    photos: int | None = None


def is_better(name: str, value: float, other: float) -> bool:
    return value < other if name in _LESS_IS_BETTER else value > other


def less_is_better(name: str) -> bool:
    return name in _LESS_IS_BETTER


def evaluation_metrics(report: Mapping[str, Any]) -> dict[str, Metric]:
    """Of report.json, without what could not be measured: `accuracy`, `change` (less the serving model's), `calibration_error`,
    `accuracy.FEATURE.VALUE` of each slice, `precision.CLASS` and `auc.CLASS`."""
    photos = int(report["examples"])
    metrics = dict(_present([(ACCURACY, report["accuracy"], photos)], share=True))
    metrics |= dict(_present([(key, report.get(key), None) for key in ("change", "calibration_error")]))
    slices = [(f"{ACCURACY}.{part['feature']}.{part['value']}", part["accuracy"], int(part["examples"])) for part in report["slices"]]
    metrics |= dict(_present(slices, share=True))
    classes = [(f"{key}.{score['name']}", score[key], None) for key in ("precision", "auc") for score in report["classes"]]
    return metrics | dict(_present(classes))


def training_metrics(record: Mapping[str, Any]) -> dict[str, Metric]:
    """Of training.json: `eval.loss` and `eval.accuracy` of the model that was kept, `epochs` that were trained."""
    values = [(f"eval.{key}", value, None) for key, value in record.get("eval", {}).items()]
    return dict(_present([*values, ("epochs", record.get("epochs"), None)]))


def _present(values: Iterable[tuple[str, float | None, int | None]], share: bool = False) -> Iterable[tuple[str, Metric]]:
    for name, value, photos in values:
        if value is not None:
            yield name, Metric(float(value), wilson_interval(value, photos) if share and photos else None, photos)
