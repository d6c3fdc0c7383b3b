"""Runs of a part of the pipeline: the nodes before it are not run, and their outputs are those of an earlier run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tfx.dsl.io import fileio
from tfx.orchestration.portable import partial_run_utils
from tfx.proto.orchestration import pipeline_pb2

from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.run_options import RunOptions
from flowers_tfx.orchestration.run_records import RunRecord

_Skip = pipeline_pb2.NodeExecutionOptions.Skip


@dataclass(frozen=True)
class PartialRun:
    """`left_out`: nodes that do not run; `outputs_of`: the run whose outputs stand in for those of nodes before the part, empty if nothing
    lies before it."""

    left_out: frozenset[str]
    outputs_of: str


def mark_part(ir: Any, options: RunOptions, history: Iterable[RunRecord]) -> PartialRun:
    """Marks in TFX's intermediate representation what is left out. `history`: earlier runs, newest first.

    Raises InputError for a part without nodes, and when no earlier run has the outputs that the part needs.
    """
    if not (options.from_node or options.to_node):
        return PartialRun(frozenset(), "")
    partial_run_utils.mark_pipeline(
        ir, from_nodes=[options.from_node] if options.from_node else None, to_nodes=[options.to_node] if options.to_node else None
    )
    nodes = {node.pipeline_node.node_info.id: node.pipeline_node for node in ir.nodes}
    left_out = {node_id: node for node_id, node in nodes.items() if node.execution_options.HasField("skip")}
    part = {node_id: node for node_id, node in nodes.items() if node_id not in left_out}
    if not part:
        raise InputError(f"--from {options.from_node} --to {options.to_node}: the second node does not follow the first.")
    earlier = [node_id for node_id, node in left_out.items() if _is_needed(node)]
    for node in left_out.values():
        if not _is_needed(node):
            # TFX would take such outputs over, too, as if these nodes were a part of this run.
            node.execution_options.skip.reuse_artifacts_mode = _Skip.NEVER
    source = _newest_with_outputs(earlier, _outputs_read(part, earlier), history, options.from_node) if earlier else ""
    if source:
        ir.runtime_spec.snapshot_settings.base_pipeline_run_strategy.base_run_id = source
    return PartialRun(frozenset(left_out), source)


def _is_needed(node: Any) -> bool:
    return bool(node.execution_options.skip.reuse_artifacts_mode == _Skip.REQUIRED)


def _outputs_read(part: Mapping[str, Any], earlier: Iterable[str]) -> set[tuple[str, str]]:
    """(node, output) of the earlier nodes that the part reads."""
    channels = [channel for node in part.values() for inputs in node.inputs.inputs.values() for channel in inputs.channels]
    return {(channel.producer_node_query.id, channel.output_key) for channel in channels if channel.producer_node_query.id in set(earlier)}


def _newest_with_outputs(nodes: Iterable[str], outputs: Iterable[tuple[str, str]], history: Iterable[RunRecord], first: str) -> str:
    """The newest run in which every earlier node succeeded, the gate of the data review among them, and whose outputs are still there."""
    lack = ""
    for run in history:
        found = _lack(run, nodes, outputs)
        if not found:
            return run.run_id
        lack = lack or found
    raise InputError(
        f"--from {first}: no earlier run has the outputs of all nodes before {first}: {lack or 'the pipeline was never run'}.",
        "Run without --from: what is unchanged comes from the cache.",
    )


def _lack(run: RunRecord, nodes: Iterable[str], outputs: Iterable[tuple[str, str]]) -> str:
    """What a run lacks to stand in for these nodes; empty if nothing."""
    for node_id in nodes:
        state = run.nodes[node_id].state if node_id in run.nodes else "not reached"
        if state not in ("complete", "cached"):
            return f"in the last run, {run.run_id}, {node_id} is {state}"
    for node_id, key in sorted(outputs):
        artifact = run.nodes[node_id].output(key)
        if artifact is None:
            return f"in the last run, {run.run_id}, {node_id} has no output {key}"
        if not fileio.exists(artifact.uri):
            return f"the output {key} of {node_id} in the last run, {run.run_id}, is gone from {artifact.uri}"
    return ""
