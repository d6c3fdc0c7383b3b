"""A run as an experiment: its settings, its data, what was measured, and its model, from ML Metadata and the artifacts of its nodes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flowers_tfx.artifact_files import DATA_FILE, LITERT_FILE, TRAINING_FILE
from flowers_tfx.data.windows import content_name, span_identities
from flowers_tfx.experiments.run_metrics import LITERT_BYTES, SAVED_MODEL_BYTES, SECONDS, Metric, evaluation_metrics, training_metrics
from flowers_tfx.experiments.run_settings import run_settings, trained_settings
from flowers_tfx.orchestration.run_history import PastRun
from flowers_tfx.orchestration.run_records import ArtifactRecord, RunRecord
from flowers_tfx.storage import StoragePath, file_sizes, storage_path

EVALUATION_FILE, EVALUATION_PAGE = "report.json", "report.html"
_MODEL_FOLDER = "Format-Serving"  # TFX's name for the SavedModel's folder in a model's artifact
_NOT_SAVED_MODEL = "assets.extra/"


@dataclass(frozen=True)
class Data:
    """What a run worked on. `spans`: [{span, digest}]; `digest`: of their contents; `photos` by split, empty if the record of the data was
    removed; `baseline`: the version that it was compared with, None if there was none."""

    spans: tuple[Mapping[str, Any], ...] = ()
    digest: str = ""
    photos: Mapping[str, int] = field(default_factory=dict)
    baseline: int | None = None

    @property
    def examples(self) -> int | None:
        return sum(self.photos.values()) if self.photos else None


@dataclass(frozen=True)
class Experiment:
    """`model`: the folder of the model that the run trained or took from the cache, None if there is none or it was removed; `blessed` is
    None if the run ended before its evaluation; `missing`: what was recorded and is not there any more."""

    run: PastRun
    settings: Mapping[str, Any]
    data: Data
    metrics: Mapping[str, Metric]
    model: StoragePath | None = None
    blessed: bool | None = None
    evaluation: StoragePath | None = None
    missing: tuple[str, ...] = ()

    @property
    def run_id(self) -> str:
        return self.run.record.run_id

    @property
    def version(self) -> int | None:
        """The version that the run pushed."""
        return int(storage_path(self.run.pushed_model).name) if self.run.pushed_model else None

    def metric(self, name: str) -> float | None:
        metric = self.metrics.get(name)
        return metric.value if metric else None


def read_experiment(run: PastRun) -> Experiment:
    """Files that were removed since, or are damaged, are named in `missing`; what they held is left out."""
    record, missing = run.record, list[str]()
    evaluation, report = _read_json(_output(record, "Evaluator", "evaluation"), EVALUATION_FILE, "evaluation", missing)
    _, data = _read_json(_output(record, "DataReview", "data"), DATA_FILE, "record of its data", missing)
    model, sizes = _model(_output(record, "Trainer", "model"), missing)
    training = json.loads((model / TRAINING_FILE).read_text(encoding="utf-8")) if model and TRAINING_FILE in sizes else {}
    blessing = _output(record, "Evaluator", "blessing")
    metrics = evaluation_metrics(report) if report else {}
    return Experiment(
        run,
        run_settings(record) | trained_settings(training),
        _data(record, data),
        {**metrics, **training_metrics(training), **_sizes(sizes), SECONDS: Metric(record.seconds)},
        model,
        None if blessing is None else bool(blessing.properties.get("blessed")),
        evaluation,
        tuple(missing),
    )


def _output(record: RunRecord, node_id: str, key: str) -> ArtifactRecord | None:
    node = record.nodes.get(node_id)
    return node.output(key) if node and node.state in ("complete", "cached") else None


def _read_json(artifact: ArtifactRecord | None, name: str, what: str, missing: list[str]) -> tuple[StoragePath | None, dict[str, Any]]:
    if artifact is None:
        return None, {}
    folder = storage_path(artifact.uri)
    try:
        value = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        missing.append(f"its {what}, {folder / name}")
        return None, {}
    return folder, value


def _model(artifact: ArtifactRecord | None, missing: list[str]) -> tuple[StoragePath | None, dict[str, int]]:
    """The model's folder, and the sizes of its files."""
    if artifact is None:
        return None, {}
    folder = storage_path(artifact.uri) / _MODEL_FOLDER
    sizes = file_sizes(folder)
    if not sizes:
        missing.append(f"its model, {folder}")
        return None, {}
    return folder, sizes


def _sizes(files: Mapping[str, int]) -> dict[str, Metric]:
    if not files:
        return {}
    saved_model = sum(size for name, size in files.items() if not name.startswith(_NOT_SAVED_MODEL))
    litert = {LITERT_BYTES: Metric(float(files[LITERT_FILE]))} if LITERT_FILE in files else {}
    return {SAVED_MODEL_BYTES: Metric(float(saved_model)), **litert}


def _data(record: RunRecord, stored: Mapping[str, Any]) -> Data:
    window = _parameter(record, ("ImportExampleGen", "DriftValidator"), "window")
    spans = tuple(span_identities(window)) if window else ()
    baseline = _parameter(record, ("Baseline", "DriftValidator"), "baseline")
    return Data(
        spans,
        hashlib.sha256("".join(sorted(map(content_name, spans))).encode()).hexdigest() if spans else "",
        _photos(stored.get("spans", ())),
        int(json.loads(baseline)["version"]) if baseline and baseline.startswith("{") else None,
    )


def _parameter(record: RunRecord, node_ids: Sequence[str], name: str) -> str:
    """Of the first of these nodes that the run reached."""
    return next((str(record.nodes[node_id].parameters[name]) for node_id in node_ids if _has(record, node_id, name)), "")


def _has(record: RunRecord, node_id: str, name: str) -> bool:
    return node_id in record.nodes and record.nodes[node_id].parameters.get(name) is not None


def _photos(spans: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    photos: dict[str, int] = {}
    for span in spans:
        for split, count in (span.get("splits") or {}).items():
            photos[split] = photos.get(split, 0) + int(count)
    return photos
