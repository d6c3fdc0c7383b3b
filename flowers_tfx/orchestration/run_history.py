"""The runs that ML Metadata has recorded, each with the review that its data got."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowers_tfx.config import PipelineConfig
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.run_records import NodeRecord, RunRecord, RunRecords
from flowers_tfx.orchestration.settings import metadata_connection
from flowers_tfx.review.stored_reviews import StoredReview, stored_reviews


@dataclass(frozen=True)
class PastRun:
    """`review` is None where the run has none."""

    record: RunRecord
    review: StoredReview | None

    @property
    def status(self) -> str:
        """succeeded, failed, blocked (by its review) or unfinished."""
        stopped = self.review is not None and self.review.review["verdict"] == "blocked"
        return "blocked" if stopped and self.record.status == "failed" else self.record.status

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
        return str(self.review.html) if self.review else None

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
    """Newest first. Raises InputError where nothing is recorded."""
    reviews = _reviews_by_run(config)
    return [PastRun(record, reviews.get(record.run_id)) for record in _records(config).runs()]


def past_run(config: PipelineConfig, run_id: str) -> PastRun:
    """The run with this id, or the newest for `latest`. Raises InputError where there is none."""
    records = _records(config)
    record = next(iter(records.runs()), None) if run_id == "latest" else records.run(run_id)
    if record is None:
        raise InputError(f"There is no run {run_id}.", "`flowers runs` lists them.")
    return PastRun(record, _reviews_by_run(config).get(record.run_id))


def _reviews_by_run(config: PipelineConfig) -> Mapping[str, StoredReview]:
    """The newest review of each run."""
    return {str(stored.review.get("run_id", "")): stored for stored in reversed(stored_reviews(config.pipeline_root))}


def _records(config: PipelineConfig) -> RunRecords:
    records = RunRecords(metadata_connection(config))
    if not records.exists():
        raise InputError(
            "ML Metadata has no run yet.", "Name the configuration of your runs with --config FILE, or run first: flowers run."
        )
    return records


def _node_json(node: NodeRecord) -> dict[str, Any]:
    artifacts = [{"key": a.key, "type": a.type, "uri": a.uri} for a in node.outputs]
    return {"state": node.state, "started": node.started.isoformat(), "seconds": round(node.seconds, 3), "artifacts": artifacts}
