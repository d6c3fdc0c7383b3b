"""The result of a run: the states of its nodes, the metrics, the verdict, and the paths of its files."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2

from flowers_tfx.errors import decision_hint
from flowers_tfx.orchestration.run_records import ArtifactRecord, RunRecord
from flowers_tfx.storage import StoragePath, file_sizes, storage_path

# Pages by their name in the report: the node, and its output with the page.
_PAGES = (
    ("tuning", "Tuner", "tuner_results"),
    ("evaluation", "Evaluator", "evaluation"),
    ("explanations", "Explainer", "explanations"),
)


@dataclass(frozen=True)
class NodeReport:
    """`state` is complete, cached, skipped (not reached, or left out) or failed."""

    state: str
    seconds: float


@dataclass(frozen=True)
class RunReport:
    """`blessed` is None when the run ended before its evaluation; `error` and `hint` say why it failed;
    `bad_input`: whether the input was at fault; `commands` decide on the findings of the data review that blocked it; `outputs_of`: the
    earlier run whose outputs stand in for those of nodes before the part that ran."""

    status: str
    run_id: str
    nodes: Mapping[str, NodeReport]
    metrics: Mapping[str, Any] = field(default_factory=dict)
    blessed: bool | None = None
    pushed_model: str | None = None
    reports: Mapping[str, str] = field(default_factory=dict)
    anomalies: int = 0
    error: str = ""
    hint: str = ""
    bad_input: bool = False
    commands: tuple[str, ...] = ()
    outputs_of: str = ""

    def with_options(self, options: str) -> RunReport:
        """With the options of a command line after each command that decides on findings."""
        if not (self.commands and options):
            return self
        commands = tuple(f"{command} {options}" for command in self.commands)
        return replace(self, commands=commands, hint=decision_hint(self.reports["review"], commands))

    def as_json(self) -> dict[str, Any]:
        """The JSON contract of `flowers run` (docs/interfaces.md)."""
        report: dict[str, Any] = {
            "status": self.status,
            "run_id": self.run_id,
            "nodes": {name: {"state": node.state, "seconds": round(node.seconds, 3)} for name, node in self.nodes.items()},
            "metrics": dict(self.metrics),
            "blessed": self.blessed,
            "pushed_model": self.pushed_model,
            "reports": dict(self.reports),
        }
        if self.outputs_of:
            report["outputs_of"] = self.outputs_of
        return {**report, "error": self.error, "hint": self.hint} if self.error else report


def summarize(
    node_ids: Sequence[str],
    record: RunRecord | None,
    run_id: str,
    failed: str | None,
    error: str,
    hint: str,
    bad_input: bool,
    commands: Sequence[str] = (),
    left_out: Collection[str] = (),
) -> RunReport:
    """The report of a run that ended, from what ML Metadata recorded. `failed` is the node that raised, if one did; `commands` decide on
    the findings of the data review that stopped it; `left_out`: nodes that were not meant to run.

    LocalDagRunner returns normally when a node's inputs cannot be resolved: only the record shows it, so every node must be in it,
    complete or cached, unless it was left out.
    """
    nodes = {node_id: _node(node_id, record, failed) for node_id in node_ids}
    bad = [node_id for node_id, node in nodes.items() if node.state not in ("complete", "cached") and node_id not in left_out]
    if bad and not error:
        error = f"The node {bad[0]} did not complete: ML Metadata has it as {nodes[bad[0]].state}."
    evaluation = _output(record, "Evaluator", "evaluation")
    blessing = _output(record, "Evaluator", "blessing")
    pushed = _output(record, "Pusher", "pushed_model")
    evaluation_home = storage_path(evaluation.uri) if evaluation else None
    reports = _reports(record)
    return RunReport(
        status="blocked" if commands else "failed" if bad or error else "succeeded",
        run_id=run_id,
        nodes=nodes,
        metrics=_metrics(evaluation_home),
        blessed=None if blessing is None else bool(blessing.properties.get("blessed")),
        pushed_model=pushed.properties.get("pushed_destination") if pushed and pushed.properties.get("pushed") else None,
        reports=reports,
        anomalies=_anomalies(record),
        error=error,
        hint=hint,
        bad_input=bad_input,
        commands=tuple(commands),
    )


def _node(node_id: str, record: RunRecord | None, failed: str | None) -> NodeReport:
    node = record.nodes.get(node_id) if record else None
    if node_id == failed:
        return NodeReport("failed", node.seconds if node else 0.0)
    if node is None:
        return NodeReport("skipped", 0.0)
    return NodeReport("failed" if node.state == "running" else node.state, node.seconds)


def _output(record: RunRecord | None, node_id: str, key: str) -> ArtifactRecord | None:
    node = record.nodes.get(node_id) if record else None
    return node.output(key) if node and node.state in ("complete", "cached") else None


def _reports(record: RunRecord | None) -> dict[str, str]:
    """The pages of the nodes that completed."""
    review = _output(record, "DataReview", "report")
    pages = {"review": str(review.properties["page"])} if review else {}
    for name, node_id, key in _PAGES:
        if artifact := _output(record, node_id, key):
            pages[name] = str(storage_path(artifact.uri) / "report.html")
    return pages


def _metrics(evaluation_home: StoragePath | None) -> dict[str, Any]:
    """The main numbers of the evaluation's report.json."""
    if evaluation_home is None:
        return {}
    report = json.loads((evaluation_home / "report.json").read_text(encoding="utf-8"))
    return {
        "accuracy": report["accuracy"],
        "baseline_accuracy": report["baseline"]["accuracy"] if report["baseline"] else None,
        "examples": report["examples"],
        "calibration_error": report["calibration_error"],
        "per_class": {score["name"]: {key: score[key] for key in ("precision", "recall", "auc", "support")} for score in report["classes"]},
    }


def _anomalies(record: RunRecord | None) -> int:
    """In how many features ExampleValidator reported anomalies, over all splits."""
    artifact = _output(record, "ExampleValidator", "anomalies")
    found: set[str] = set()
    if artifact:
        home = storage_path(artifact.uri)
        for name in fnmatch.filter(file_sizes(home), "Split-*/SchemaDiff.pb"):
            anomalies = anomalies_pb2.Anomalies()
            anomalies.ParseFromString((home / name).read_bytes())
            found |= set(anomalies.anomaly_info)
    return len(found)
