from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import pytest

from flowers_tfx.cli.command import CommandResult, print_result
from flowers_tfx.cli.run import exit_code_of
from flowers_tfx.cli.run_display import report_lines
from flowers_tfx.orchestration.run_records import ArtifactRecord, NodeRecord, RunRecord
from flowers_tfx.orchestration.run_report import RunReport, summarize

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


def blocked() -> RunReport:
    page = ArtifactRecord("report", "HtmlReport", "x", {"verdict": "blocked", "page": "/pipeline/reviews/2-r1/report.html"})
    commands = ["flowers review accept 2 --all-findings --reason TEXT --by NAME", "flowers review reject 2 --reason TEXT --by NAME"]
    nodes = record(node("DataReview", "complete", page), node("DataGate", "running"))
    return summarize(["DataReview", "DataGate", "Transform"], nodes, "r1", "DataGate", "why " * 50, "how", False, commands)


def test_a_blocked_run_has_a_review_that_is_complete_and_a_gate_that_failed() -> None:
    report = blocked()
    assert (report.status, exit_code_of(report)) == ("blocked", 3)
    assert {name: node.state for name, node in report.nodes.items()} == {
        "DataReview": "complete",
        "DataGate": "failed",
        "Transform": "skipped",
    }
    assert report.reports == {"review": "/pipeline/reviews/2-r1/report.html"}


def test_commands_are_a_line_each_however_narrow_the_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    options = "--config 'my configs/flowers.yaml'"
    report = blocked().with_options(options)
    print_result(CommandResult(report.as_json(), notes=report_lines(report, "")), as_json=False)
    lines = capsys.readouterr().err.splitlines()
    assert f"flowers review accept 2 --all-findings --reason TEXT --by NAME {options}" in lines
    assert f"flowers review reject 2 --reason TEXT --by NAME {options}" in lines
    assert ("why " * 50).rstrip() in [line.rstrip() for line in lines]
    assert report.as_json()["hint"].count(options) == 2
    assert blocked().with_options("") == blocked()


def test_the_evaluation_is_read_from_its_own_files(tmp_path: Path) -> None:
    content = {
        "accuracy": 0.9,
        "baseline": {"version": "1", "accuracy": 0.8},
        "examples": 10,
        "calibration_error": 0.1,
        "classes": [{"name": "daisy", "precision": 1.0, "recall": 0.5, "auc": None, "support": 10}],
    }
    (tmp_path / "report.json").write_text(json.dumps(content))
    nodes = (
        node(
            "Evaluator",
            "complete",
            ArtifactRecord("evaluation", "ModelEvaluation", str(tmp_path), {}),
            ArtifactRecord("blessing", "ModelBlessing", "x", {"blessed": 1}),
        ),
        node("Pusher", "complete", ArtifactRecord("pushed_model", "PushedModel", "y", {"pushed": 1, "pushed_destination": "reg/7"})),
        node("Explainer", "cached", ArtifactRecord("explanations", "Explanations", "gs://b/e", {})),
    )
    report = summarize(["Evaluator", "Pusher"], record(*nodes), "r1", None, "", "", False).as_json()
    assert report["metrics"]["baseline_accuracy"] == 0.8
    assert report["metrics"]["per_class"] == {"daisy": {"precision": 1.0, "recall": 0.5, "auc": None, "support": 10}}
    assert (report["blessed"], report["pushed_model"]) == (True, "reg/7")
    assert report["reports"] == {"evaluation": str(tmp_path / "report.html"), "explanations": "gs://b/e/report.html"}
    failed = summarize(["Explainer"], record(node("Explainer", "failed")), "r1", "Explainer", "", "", False).as_json()
    assert failed["reports"] == {}
