from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

from flowers_tfx.cli.run import exit_code_of
from flowers_tfx.orchestration.run_records import ArtifactRecord, NodeRecord, RunRecord
from flowers_tfx.orchestration.run_report import summarize

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def record(*nodes: NodeRecord) -> RunRecord:
    return RunRecord("r1", "p", NOW, {node.node_id: node for node in nodes})


def node(node_id: str, state: str, *outputs: ArtifactRecord) -> NodeRecord:
    return NodeRecord(node_id, state, NOW, 1.5, outputs)


def test_a_run_succeeded_only_if_every_node_did() -> None:
    done = summarize(["A", "B"], record(node("A", "complete"), node("B", "cached")), "r1", None, "", "", False)
    assert (done.status, exit_code_of(done)) == ("succeeded", 0)


def test_nodes_that_the_runner_forgot_make_it_fail() -> None:
    """LocalDagRunner returns normally although a node's inputs could not be resolved."""
    for second in (node("B", "failed"), node("B", "running")):
        report = summarize(["A", "B"], record(node("A", "complete"), second), "r1", None, "", "", False)
        assert (report.status, exit_code_of(report), report.nodes["B"].state) == ("failed", 1, "failed")
        assert "B" in report.error
    missing = summarize(["A", "B"], record(node("A", "complete")), "r1", None, "", "", False)
    assert (missing.status, missing.nodes["B"].state) == ("failed", "skipped")


def test_bad_input_is_exit_code_2_and_a_bug_1() -> None:
    for bad_input, code in ((True, 2), (False, 1)):
        report = summarize(["A"], record(node("A", "running")), "r1", "A", "why", "how", bad_input)
        assert exit_code_of(report) == code
        assert report.as_json()["error"] == "why"
    assert summarize(["A"], None, "r1", None, "why", "", True).nodes["A"].state == "skipped"


def test_the_evaluation_is_read_from_its_own_files(tmp_path: Path) -> None:
    said = {
        "accuracy": 0.9,
        "baseline": {"version": "1", "accuracy": 0.8},
        "examples": 10,
        "calibration_error": 0.1,
        "classes": [{"name": "daisy", "precision": 1.0, "recall": 0.5, "auc": None, "support": 10}],
    }
    (tmp_path / "report.json").write_text(json.dumps(said))
    nodes = (
        node(
            "Evaluator",
            "complete",
            ArtifactRecord("evaluation", "ModelEvaluation", str(tmp_path), {}),
            ArtifactRecord("blessing", "ModelBlessing", "x", {"blessed": 1}),
        ),
        node("Pusher", "complete", ArtifactRecord("pushed_model", "PushedModel", "y", {"pushed": 1, "pushed_destination": "reg/7"})),
    )
    report = summarize(["Evaluator", "Pusher"], record(*nodes), "r1", None, "", "", False).as_json()
    assert report["metrics"]["baseline_accuracy"] == 0.8
    assert report["metrics"]["per_class"] == {"daisy": {"precision": 1.0, "recall": 0.5, "auc": None, "support": 10}}
    assert (report["blessed"], report["pushed_model"]) == (True, "reg/7")
    assert report["reports"] == {"evaluation": str(tmp_path / "report.html")}
