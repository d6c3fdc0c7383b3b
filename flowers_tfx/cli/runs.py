"""`flowers runs` and `flowers runs show`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flowers_tfx.config import PipelineConfig
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.run_records import NodeRecord, RunRecord, RunRecords
from flowers_tfx.orchestration.settings import metadata_connection
from flowers_tfx.review.stored_reviews import StoredReview, stored_reviews


def list_runs(config: PipelineConfig, as_json: bool) -> None:
    """A line a run, newest first."""
    found, reviews = _records(config).runs(), _reviews(config)
    if as_json:
        print(json.dumps([_run_json(run, reviews) for run in found]))
        return
    table = Table(title=f"{len(found)} runs", title_justify="left")
    for heading in ("Run", "Pipeline", "Status", "Nodes", "Time", "Version", "Review"):
        table.add_column(heading, no_wrap=heading in ("Run", "Version"))
    for run in found:
        cached = sum(node.state == "cached" for node in run.nodes.values())
        table.add_row(
            run.run_id,
            escape(run.pipeline),
            _status(run, reviews),
            f"{len(run.nodes)} ({cached} cached)",
            f"{run.seconds:.1f} s",
            Path(_pushed(run) or "-").name,
            escape(str(reviews[run.run_id].html)) if run.run_id in reviews else "-",
        )
    Console().print(table)


def show_run(config: PipelineConfig, run_id: str, as_json: bool) -> None:
    """A run's nodes with their states, times and artifacts."""
    records = _records(config)
    run = next(iter(records.runs()), None) if run_id == "latest" else records.run(run_id)
    if run is None:
        raise InputError(f"There is no run {run_id}.", "`flowers runs` lists them.")
    reviews = _reviews(config)
    if as_json:
        print(json.dumps(_run_json(run, reviews) | {"nodes": {name: _node_json(node) for name, node in run.nodes.items()}}))
        return
    table = Table(title=f"Run {run.run_id} of {escape(run.pipeline)}: {_status(run, reviews)}", title_justify="left")
    for heading in ("Node", "State", "Started (UTC)", "Time", "Artifacts"):
        table.add_column(heading, overflow="fold")
    for node in run.nodes.values():
        artifacts = "\n".join(f"{a.key}: {a.uri}" for a in node.outputs)
        table.add_row(node.node_id, node.state, f"{node.started:%Y-%m-%d %H:%M:%S}", f"{node.seconds:.1f} s", escape(artifacts))
    Console().print(table)
    if run.run_id in reviews:
        Console().print(f"review: {reviews[run.run_id].html}", soft_wrap=True, markup=False, highlight=False)


def _reviews(config: PipelineConfig) -> dict[str, StoredReview]:
    """By the id of the run that made them."""
    return {str(stored.review.get("run_id", "")): stored for stored in reversed(stored_reviews(config.pipeline_root))}


def _status(run: RunRecord, reviews: dict[str, StoredReview]) -> str:
    stopped = run.run_id in reviews and reviews[run.run_id].review["verdict"] == "blocked"
    return "blocked" if stopped and run.status == "failed" else run.status


def _records(config: PipelineConfig) -> RunRecords:
    records = RunRecords(metadata_connection(config))
    if not records.exists():
        raise InputError(
            "ML Metadata holds no run yet.", "Name the configuration of your runs with --config FILE, or run first: flowers run."
        )
    return records


def _run_json(run: RunRecord, reviews: dict[str, StoredReview]) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "pipeline": run.pipeline,
        "status": _status(run, reviews),
        "started": run.started.isoformat(),
        "seconds": round(run.seconds, 3),
        "nodes": {name: node.state for name, node in run.nodes.items()},
        "pushed_model": _pushed(run),
        "review": str(reviews[run.run_id].html) if run.run_id in reviews else None,
    }


def _node_json(node: NodeRecord) -> dict[str, Any]:
    artifacts = [{"key": a.key, "type": a.type, "uri": a.uri} for a in node.outputs]
    return {"state": node.state, "started": node.started.isoformat(), "seconds": round(node.seconds, 3), "artifacts": artifacts}


def _pushed(run: RunRecord) -> str | None:
    node = run.nodes.get("Pusher")
    artifact = node.output("pushed_model") if node else None
    return artifact.properties.get("pushed_destination") if artifact and artifact.properties.get("pushed") else None
