"""A made-up ML Metadata store with runs, their artifacts, and a data root with the photos of `test`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from flowers_tfx.config import PipelineConfig
from flowers_tfx.data.records import RecordWriter, example_bytes
from flowers_tfx.data.spans import EARLIER_DIGESTS
from tests.conftest import small_photo

LABELS = ("daisy", "roses")
_COMPLETE = mlmd.Execution.COMPLETE


class Store:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.config = PipelineConfig(
            name="p", data_root=str(home / "data"), pipeline_root=str(home / "pipeline"), registry=str(home / "registry")
        )
        (home / "pipeline").mkdir()
        connection = mlmd.ConnectionConfig()
        connection.sqlite.filename_uri = str(home / "pipeline" / "metadata.sqlite")
        connection.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        self._store = metadata_store.MetadataStore(connection)

    def add_run(
        self,
        run_id: str,
        settings: Mapping[str, Any],
        report: Mapping[str, Any] | None = None,
        span: str = "a" * 64,
        failed: str = "",
        verdict: str = "pass",
    ) -> None:
        """A run with Trainer's `settings`, {section: {key: value}}, and the evaluation's `report`; `failed` is the node that ended it."""
        window = json.dumps([{"digest": span, "span": 1}])
        review = {"verdict": verdict, "page": f"/reviews/{run_id}/report.html"}
        nodes: list[tuple[str, dict[str, Any], dict[str, tuple[str, dict[str, Any]]]]] = [
            ("SelectInputs", {"span_window": "all"}, {}),
            ("ImportExampleGen", {"window": window}, {}),
            ("DataReview", {}, {"report": ("", review)}),
            ("DataGate", {}, {}),
            ("Trainer", {"custom_config": json.dumps({"settings": json.dumps(settings)})}, {}),
        ]
        if report is not None:
            folder = self.home / "evaluations" / run_id
            folder.mkdir(parents=True)
            (folder / "report.json").write_text(json.dumps(report))
            outputs = {"evaluation": (str(folder), {}), "blessing": ("", {"blessed": 1})}
            nodes.append(("Evaluator", {"min_accuracy": 0.5, "max_drop": 0.1}, outputs))
        contexts = [self._context("pipeline", "p"), self._context("pipeline_run", run_id)]
        for node_id, parameters, outputs in nodes:
            state = mlmd.Execution.FAILED if node_id == failed else _COMPLETE
            self._add_execution(node_id, parameters, outputs, state, [*contexts, self._context("node", f"p.{node_id}")])
            if node_id == failed:
                break

    def _context(self, kind: str, name: str) -> int:
        existing = self._store.get_context_by_type_and_name(kind, name)
        if existing is not None:
            return int(existing.id)
        type_id = self._store.put_context_type(mlmd.ContextType(name=kind))
        (context_id,) = self._store.put_contexts([mlmd.Context(type_id=type_id, name=name)])
        return int(context_id)

    def _add_execution(self, node_id: str, parameters: Mapping[str, Any], outputs: Any, state: int, contexts: list[int]) -> None:
        type_id = self._store.put_execution_type(mlmd.ExecutionType(name=node_id))
        execution = mlmd.Execution(type_id=type_id, last_known_state=state)
        _set(execution.custom_properties, parameters)
        written = []
        for key, (uri, properties) in outputs.items():
            artifact = mlmd.Artifact(type_id=self._store.put_artifact_type(mlmd.ArtifactType(name=f"Type_{key}")), uri=uri)
            _set(artifact.custom_properties, properties)
            event = mlmd.Event(type=mlmd.Event.OUTPUT)
            event.path.steps.add().key = key
            written.append((artifact, event))
        chosen = self._store.get_contexts_by_id(contexts)
        self._store.put_execution(execution, written, chosen)


def evaluation(accuracy: float, examples: int = 100, **others: Any) -> dict[str, Any]:
    slices = [{"feature": "label", "value": label, "examples": examples // 2, "accuracy": accuracy} for label in LABELS]
    classes = [{"name": label, "precision": accuracy, "recall": accuracy, "auc": None, "support": examples // 2} for label in LABELS]
    return {"accuracy": accuracy, "examples": examples, "calibration_error": 1 - accuracy, "slices": slices, "classes": classes, **others}


def write_span(data_root: Path, number: int, digest: str, photos: Mapping[str, str], earlier: Sequence[str] = ()) -> None:
    """A span whose photos, digest to label, are all in `test`; `earlier`: its digests before photos were forgotten."""
    folder = data_root / f"span-{number}"
    folder.mkdir(parents=True)
    with (folder / "test-00000-of-00001.tfrecord.gz").open("wb") as out:
        writer = RecordWriter(out)
        for seed, (name, label) in enumerate(photos.items()):
            writer.write(example_bytes({"digest": name, "image": small_photo(seed), "label": label, "uri": name}))
        writer.close()
    splits = {"train": 0, "eval": 0, "test": len(photos)}
    manifest = {"format_version": 1, "span": number, "digest": digest, "examples": len(photos), "labels": LABELS, "splits": splits}
    manifest[EARLIER_DIGESTS] = list(earlier)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _set(properties: Any, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if isinstance(value, int):
            properties[name].int_value = value
        elif isinstance(value, float):
            properties[name].double_value = value
        else:
            properties[name].string_value = value
