"""All executions of one node in ML Metadata, with what each was made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml_metadata.proto import metadata_store_pb2

from flowers_tfx.orchestration.run_records import ArtifactRecord, artifacts_of, property_values, state_of


@dataclass(frozen=True)
class NodeExecution:
    """`state` as in NodeRecord; `outputs`: by the URIs that no two executions share."""

    run_id: str
    state: str
    properties: Mapping[str, Any]
    inputs: tuple[ArtifactRecord, ...]
    outputs: tuple[ArtifactRecord, ...]

    @property
    def succeeded(self) -> bool:
        return self.state in ("complete", "cached")

    def input_uris(self) -> dict[str, list[ArtifactRecord]]:
        """Input artifacts by the input's name."""
        by_key: dict[str, list[ArtifactRecord]] = {}
        for artifact in self.inputs:
            by_key.setdefault(artifact.key, []).append(artifact)
        return by_key


def executions_of(store: Any, pipeline: str, node_id: str) -> list[NodeExecution]:
    """Oldest first; empty for a node that never ran."""
    node = store.get_context_by_type_and_name("node", f"{pipeline}.{node_id}")
    executions = sorted(store.get_executions_by_context(node.id), key=lambda e: int(e.id)) if node else []
    ids = [execution.id for execution in executions]
    inputs, outputs = (artifacts_of(store, ids, kind) for kind in (metadata_store_pb2.Event.INPUT, metadata_store_pb2.Event.OUTPUT))
    return [
        NodeExecution(
            next(c.name for c in store.get_contexts_by_execution(execution.id) if c.type == "pipeline_run"),
            state_of(execution),
            property_values(execution),
            tuple(inputs.get(execution.id, ())),
            tuple(outputs.get(execution.id, ())),
        )
        for execution in executions
    ]


def producer_of(execution: NodeExecution, executions: list[NodeExecution]) -> NodeExecution:
    """The execution that made the results of one that was taken from the cache; the node's executions are given, oldest first."""
    if execution.state != "cached":
        return execution
    uris = {artifact.uri for artifact in execution.outputs}
    earlier = [e for e in executions[: executions.index(execution)] if e.state == "complete"]
    made = [e for e in earlier if uris & {artifact.uri for artifact in e.outputs}] if uris else earlier
    return made[-1] if made else execution
