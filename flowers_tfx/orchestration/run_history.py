"""The runs that ML Metadata has recorded, each with the review of its data. It does without TFX, whose import takes seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flowers_tfx.config import PipelineConfig
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.run_records import ArtifactRecord, NodeRecord, RunRecord, RunRecords
from flowers_tfx.orchestration.settings import metadata_connection


@dataclass(frozen=True)
class PastRun:
    record: RunRecord

    @property
    def status(self) -> str:
        """succeeded, failed, blocked (by its review) or unfinished."""
        gate = self.record.nodes.get("DataGate")
        stopped = gate is not None and gate.state == "failed" and self.verdict == "blocked"
        return "blocked" if stopped else self.record.status

    @property
    def cached_nodes(self) -> int:
        return sum(node.state == "cached" for node in self.record.nodes.values())

    @property
    def pushed_model(self) -> str | None:
        node = self.record.nodes.get("Pusher")
        artifact = node.output("pushed_model") if node else None
        return artifact.properties.get("pushed_destination") if artifact and artifact.properties.get("pushed") else None

    @property
    def report(self) -> str | None:
        """The address of the review's page; a review that is a cache hit is that of an earlier run."""
        return self._review.properties.get("page") if self._review else None

    @property
    def verdict(self) -> str | None:
        """pass, warn or blocked; None for a run that ended before its review."""
        return self._review.properties.get("verdict") if self._review else None

    @property
    def _review(self) -> ArtifactRecord | None:
        node = self.record.nodes.get("DataReview")
        return node.output("report") if node else None

    def as_json(self, *, details: bool = False) -> dict[str, Any]:
        """One run of `flowers runs`; with `details`, of `flowers runs show`."""
        nodes = self.record.nodes.items()
        return {
            "run_id": self.record.run_id,
            "pipeline": self.record.pipeline,
            "status": self.status,
            "started": self.record.started.isoformat(),
            "seconds": round(self.record.seconds, 3),
            "nodes": {name: _node_json(node) if details else node.state for name, node in nodes},
            "pushed_model": self.pushed_model,
            "review": self.report,
        }


def past_runs(config: PipelineConfig) -> list[PastRun]:
    """Newest first. Raises InputError if nothing is recorded."""
    return [PastRun(record) for record in run_records(config).runs()]


def past_run(config: PipelineConfig, run_id: str) -> PastRun:
    """The run with this id, or the newest for `latest`. Raises InputError if there is none."""
    records = run_records(config)
    record = next(iter(records.runs()), None) if run_id == "latest" else records.run(run_id)
    if record is None:
        raise InputError(f"There is no run {run_id}.", "`flowers runs` lists them.")
    return PastRun(record)


def run_records(config: PipelineConfig) -> RunRecords:
    """Raises InputError if nothing is recorded."""
    records = RunRecords(metadata_connection(config))
    if not records.exists():
        raise InputError(
            "ML Metadata has no run yet.", "Name the configuration of your runs with --config FILE, or run first: flowers run."
        )
    return records


def _node_json(node: NodeRecord) -> dict[str, Any]:
    artifacts = [{"key": a.key, "type": a.type, "uri": a.uri} for a in node.outputs]
    return {"state": node.state, "started": node.started.isoformat(), "seconds": round(node.seconds, 3), "artifacts": artifacts}
