"""Runs in ML Metadata: their nodes, states, times and artifacts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2

_STATES = {
    metadata_store_pb2.Execution.COMPLETE: "complete",
    metadata_store_pb2.Execution.CACHED: "cached",
    metadata_store_pb2.Execution.FAILED: "failed",
    metadata_store_pb2.Execution.CANCELED: "failed",
    metadata_store_pb2.Execution.RUNNING: "running",
    metadata_store_pb2.Execution.NEW: "running",
}


@dataclass(frozen=True)
class ArtifactRecord:
    key: str
    type: str
    uri: str
    properties: dict[str, Any]


@dataclass(frozen=True)
class NodeRecord:
    """`state` is complete, cached, failed or running (of a run that was killed: it never ended); `parameters`: the node's execution
    properties, of a cached one, too."""

    node_id: str
    state: str
    started: datetime
    seconds: float
    outputs: tuple[ArtifactRecord, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def output(self, key: str) -> ArtifactRecord | None:
        return next((artifact for artifact in self.outputs if artifact.key == key), None)


@dataclass(frozen=True)
class RunRecord:
    run_id: str
    pipeline: str
    started: datetime
    nodes: dict[str, NodeRecord] = field(default_factory=dict)

    @property
    def status(self) -> str:
        states = {node.state for node in self.nodes.values()}
        return "failed" if "failed" in states else "unfinished" if "running" in states or not states else "succeeded"

    @property
    def seconds(self) -> float:
        return sum(node.seconds for node in self.nodes.values())


class RunRecords:
    """Reads an ML Metadata store; opens it for each question, so that it never holds a lock that a run waits for."""

    def __init__(self, connection: metadata_store_pb2.ConnectionConfig) -> None:
        self._connection = connection

    def exists(self) -> bool:
        """False for a SQLite file that is not there: opening it would create it."""
        return not self._connection.HasField("sqlite") or Path(self._connection.sqlite.filename_uri).is_file()

    def runs(self) -> list[RunRecord]:
        """All runs, newest first."""
        return list(self._newest_first())

    def runs_of(self, pipeline: str) -> Iterator[RunRecord]:
        """Those of one pipeline, newest first, each read when it is asked for."""
        if self.exists():
            yield from (run for run in self._newest_first() if run.pipeline == pipeline)

    def _newest_first(self) -> Iterator[RunRecord]:
        store = metadata_store.MetadataStore(self._connection)
        contexts = store.get_contexts_by_type("pipeline_run")
        for context in sorted(contexts, key=lambda c: -int(c.create_time_since_epoch)):
            yield self._run(store, context)

    def run(self, run_id: str) -> RunRecord | None:
        store = metadata_store.MetadataStore(self._connection)
        context = store.get_context_by_type_and_name("pipeline_run", run_id)
        return None if context is None else self._run(store, context)

    def _run(self, store: Any, context: Any) -> RunRecord:
        executions = store.get_executions_by_context(context.id)
        outputs = artifacts_of(store, [execution.id for execution in executions], metadata_store_pb2.Event.OUTPUT)
        nodes = {}
        pipeline = ""
        for execution in sorted(executions, key=lambda e: int(e.create_time_since_epoch)):
            contexts = store.get_contexts_by_execution(execution.id)
            pipeline = next((c.name for c in contexts if c.type == "pipeline"), pipeline)
            full = next((c.name for c in contexts if c.type == "node"), "")
            node_id = full.removeprefix(f"{pipeline}.")
            milliseconds = int(execution.last_update_time_since_epoch) - int(execution.create_time_since_epoch)
            nodes[node_id] = NodeRecord(
                node_id,
                state_of(execution),
                _time(execution.create_time_since_epoch),
                milliseconds / 1000,
                tuple(outputs.get(execution.id, ())),
                property_values(execution),
            )
        return RunRecord(context.name, pipeline, _time(context.create_time_since_epoch), nodes)


def artifacts_of(store: Any, execution_ids: list[int], kind: int) -> dict[int, list[ArtifactRecord]]:
    """The inputs or outputs of executions, by execution: `kind` is Event.INPUT or Event.OUTPUT."""
    if not execution_ids:
        return {}
    events = [e for e in store.get_events_by_execution_ids(execution_ids) if e.type == kind]
    artifacts = {artifact.id: artifact for artifact in store.get_artifacts_by_id(sorted({e.artifact_id for e in events}))}
    found: dict[int, list[ArtifactRecord]] = {}
    for event in events:
        artifact = artifacts[event.artifact_id]
        key = next((step.key for step in event.path.steps if step.HasField("key")), "")
        found.setdefault(event.execution_id, []).append(ArtifactRecord(key, artifact.type, artifact.uri, property_values(artifact)))
    return found


def property_values(record: Any) -> dict[str, Any]:
    """The properties of an artifact or an execution."""
    return {name: _value(value) for name, value in (*record.properties.items(), *record.custom_properties.items())}


def state_of(execution: Any) -> str:
    return _STATES.get(execution.last_known_state, "running")


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return None if kind in (None, "struct_value", "proto_value") else getattr(value, kind)


def _time(milliseconds: Any) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, tz=timezone.utc)


def typical_seconds(connection: metadata_store_pb2.ConnectionConfig) -> dict[str, float]:
    """How long each node took in the newest run that completed it; empty before the first run."""
    records = RunRecords(connection)
    typical: dict[str, float] = {}
    for run in records.runs()[:10] if records.exists() else []:
        for node in run.nodes.values():
            if node.state == "complete":
                typical.setdefault(node.node_id, node.seconds)
    return typical
