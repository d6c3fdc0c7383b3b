"""Which part of the pipeline runs, and which earlier run stands in for the rest. That TFX runs it so is tests/e2e/test_cache_matrix.py."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from tfx.dsl.compiler import compiler

from flowers_tfx.config import load_config
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.partial_runs import PartialRun, mark_part
from flowers_tfx.orchestration.run_options import RunOptions
from flowers_tfx.orchestration.run_records import ArtifactRecord, NodeRecord, RunRecord
from pipeline_def import create_pipeline

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def compiled() -> Any:
    return compiler.Compiler().compile(create_pipeline(load_config(None, ["model.weights=none"])))


@pytest.fixture(scope="module")
def ir() -> Any:
    return compiled()


def marked(ir: Any, history: Iterable[RunRecord] = (), **options: str) -> tuple[PartialRun, set[str]]:
    copy = type(ir)()
    copy.CopyFrom(ir)
    part = mark_part(copy, RunOptions(**options), history)  # type: ignore[arg-type]
    ids = {node.pipeline_node.node_info.id for node in copy.nodes}
    return part, ids - part.left_out


def past(ir: Any, folder: Path, run_id: str = "r1", **states: str) -> RunRecord:
    """A run of every node, with its outputs on disk."""
    nodes = {}
    for node in ir.nodes:
        node_id = node.pipeline_node.node_info.id
        state = states.get(node_id, "complete")
        outputs = []
        for key in node.pipeline_node.outputs.outputs:
            path = folder / run_id / node_id / key
            path.mkdir(parents=True)
            outputs.append(ArtifactRecord(key, "T", str(path), {}))
        nodes[node_id] = NodeRecord(node_id, state, NOW, 1.0, tuple(outputs))
    return RunRecord(run_id, "flowers", NOW, nodes)


def test_without_limits_everything_runs(ir: Any) -> None:
    part, nodes = marked(ir)
    assert part == PartialRun(frozenset(), "")
    assert len(nodes) == len(ir.nodes)


def test_to_a_node_runs_what_it_needs_and_asks_no_earlier_run(ir: Any) -> None:
    part, nodes = marked(ir, to_node="ExampleValidator")
    assert nodes == {"SelectInputs", "ImportExampleGen", "ImportSchemaGen", "StatisticsGen", "ExampleValidator"}
    assert part.outputs_of == ""
    assert "SchemaGen" in part.left_out


def test_from_a_node_runs_what_follows_it_on_the_newest_run_that_has_the_rest(ir: Any, tmp_path: Path) -> None:
    failed_later = past(ir, tmp_path, "r3", Evaluator="failed")
    part, nodes = marked(ir, [failed_later, past(ir, tmp_path, "r2")], from_node="ParityValidator", to_node="Pusher")
    assert nodes == {"ParityValidator", "Evaluator", "Pusher"}
    assert part.outputs_of == "r3"
    part, nodes = marked(
        ir, [past(ir, tmp_path, "r5", Trainer="failed"), past(ir, tmp_path, "r4", Trainer="cached")], from_node="Evaluator"
    )
    assert nodes == {"Evaluator", "Pusher", "PublishBaseline", "Explainer"}
    assert part.outputs_of == "r4"


def test_a_run_that_the_gate_stopped_stands_in_for_nothing_behind_the_gate(ir: Any, tmp_path: Path) -> None:
    """Transform reads nothing of the gate: only the order of the nodes tells that it has to have passed."""
    blocked = past(ir, tmp_path, "r1", DataGate="failed", Transform="running")
    with pytest.raises(InputError, match="in the last run, r1, DataGate is failed") as refused:
        marked(ir, [blocked], from_node="Transform")
    assert "Run without --from" in refused.value.hint
    assert marked(ir, [blocked], from_node="DataGate")[0].outputs_of == "r1"


def test_absent_outputs_are_named(ir: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--from Trainer: no earlier run .*: the pipeline was never run"):
        marked(ir, from_node="Trainer")
    run = past(ir, tmp_path)
    shutil.rmtree(tmp_path / "r1" / "Transform" / "transform_graph")
    with pytest.raises(InputError, match=r"transform_graph of Transform in the last run, r1, is gone from .*transform_graph"):
        marked(ir, [run], from_node="Trainer")
    older = replace(run, nodes={**run.nodes, "Transform": replace(run.nodes["Transform"], outputs=())})
    with pytest.raises(InputError, match="Transform has no output transform"):
        marked(ir, [older], from_node="Trainer")
    del run.nodes["Transform"]
    with pytest.raises(InputError, match="Transform is not reached"):
        marked(ir, [run], from_node="Trainer")


def test_a_part_without_nodes_and_unknown_nodes_are_refused(ir: Any) -> None:
    with pytest.raises(InputError, match="the second node does not follow the first"):
        marked(ir, from_node="Trainer", to_node="StatisticsGen")
    for options, name in (
        (RunOptions(no_cache=("Trainr",)), "--no-cache"),
        (RunOptions(from_node="X"), "--from"),
        (RunOptions(to_node="X"), "--to"),
    ):
        with pytest.raises(InputError, match=f"{name}: the pipeline has no node"):
            options.check(["Trainer", "Pusher"])


def test_forced_nodes() -> None:
    ids = ["A", "B", "C"]
    assert RunOptions(no_cache=("B",)).forced(ids) == ["B"]
    assert RunOptions(no_cache=("*",)).forced(ids) == ids
    assert RunOptions().forced(ids) == []
