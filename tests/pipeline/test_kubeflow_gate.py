"""The data review of a compiled package under a launcher that uploads only the log of a step that fails, as KFP's does: what people see
of a blocked run, in the cluster and from outside, and how it goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from flowers_tfx.cli.decision_result import accept_findings
from flowers_tfx.config import PipelineConfig, load_config
from flowers_tfx.curated_schema import curated_schema, schema_text
from flowers_tfx.data.decisions import read_decisions
from flowers_tfx.data.spans import list_spans
from flowers_tfx.data.windows import window_text
from flowers_tfx.review.comparison import Comparison, compare_sides
from flowers_tfx.review.comparison_files import write_comparison
from flowers_tfx.review.sides import Side
from flowers_tfx.review.span_verdicts import span_verdicts
from flowers_tfx.review.stored_reviews import local_page, require_review, review_roots
from flowers_tfx.storage import BucketPath
from flowers_tfx.validation import Policy
from runners.kubeflow import compile_package
from tests.e2e.minio import minio
from tests.pipeline.launcher import Launcher, Outcome
from tests.unit.tables import table
from tests.unit.test_selection import span

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(1800)]  # each step is a process that imports TFX

IMAGE = f"r.example/flowers@sha256:{'a1' * 32}"
PLACES = ["registry=minio://b/registry", "pipeline_root=minio://b/artifacts", "model.weights=none"]
# What the gate reads: the producer, its output.
BEFORE = {"DriftValidator": "review", "ExampleValidator": "anomalies", "SchemaGen": "schema", "ImportSchemaGen": "schema"}


@dataclass
class Cluster:
    """`data_root`: where a run finds its spans. Artifacts before the review are given."""

    data_root: str
    launcher: Launcher
    config: PipelineConfig
    given: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def run(self, run_id: str) -> dict[str, Outcome]:
        """The review, and the gate behind it."""
        spans = list_spans(self.data_root)
        decisions = json.dumps([decision.as_json() for decision in read_decisions(self.data_root)])
        outcomes = {"SelectInputs": Outcome("complete", 0, "", {"window": window_text(spans), "baseline": "none", "decisions": decisions})}
        outcomes |= {node: Outcome("cached", 0, "", {}, artifacts) for node, artifacts in self.given.items()}
        for name in ("DataReview", "DataGate"):
            outcomes[name] = self.launcher.step(name, run_id, outcomes)
        return {name: outcomes[name] for name in ("DataReview", "DataGate")}

    def folder(self, run_id: str, node: str) -> Path:
        return self.launcher.store / "minio/b/artifacts/flowers" / run_id / node


def compared(light: float) -> Comparison:
    new = table(120, 2)
    rows = new.assign(mean_luma=(new["mean_luma"] + light).clip(0, 255))
    facts = {"spans": [1], "digest": "digest-1", "photos": 120}
    return compare_sides(Side("old", table(120, 1)), Side("span-1", rows, as_new=facts), Policy(permutations=1500))


@pytest.fixture(params=["folder", "bucket"])
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    span(tmp_path / "data", 1, known=0, duplicates=0, rejected=0)
    (tmp_path / "data" / "span-1" / "rejects.jsonl").touch()
    if request.param == "folder":
        yield make_cluster(tmp_path, str(tmp_path / "data"))
        return
    with minio(tmp_path, "flowers"):
        for file in (tmp_path / "data" / "span-1").iterdir():
            (BucketPath("s3://flowers") / "data" / "span-1" / file.name).upload(file)
        yield make_cluster(tmp_path, "minio://flowers/data")


def make_cluster(tmp_path: Path, data_root: str) -> Cluster:
    package = compile_package(load_config(None, [*PLACES, "data_root=minio://b/data"]), "kfp", IMAGE)
    launcher = Launcher(package.spec, tmp_path / "store", tmp_path / "work", {"data_root": data_root})
    cluster = Cluster(data_root, launcher, load_config(None, [*PLACES, f"data_root={data_root}"]))
    for number, (node, key) in enumerate(BEFORE.items()):
        uri = f"minio://b/given/{node}/{key}"
        folder = launcher.store / "minio/b/given" / node / key
        folder.mkdir(parents=True)
        cluster.given[node] = {key: {"name": str(-number - 1), "uri": uri, "metadata": {}}}
        if key == "schema":
            (folder / "schema.pbtxt").write_text(schema_text(curated_schema()))
    write_comparison(
        launcher.store / "minio/b/given/DriftValidator/review", compared(80.0), None, [{"span": 1, "digest": "digest-1"}], "", {}
    )
    return cluster


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} if folder.is_dir() else set()


def test_a_blocked_run_leaves_its_page_and_goes_on_after_a_decision(cluster: Cluster) -> None:
    first = cluster.run("11111111-1111-4111-8111-111111111111")
    assert {name: outcome.state for name, outcome in first.items()} == {"DataReview": "complete", "DataGate": "failed"}
    assert first["DataGate"].code == 3
    # In the cluster: the page and its short form are the review's, the log is the gate's.
    run_id = "11111111-1111-4111-8111-111111111111"
    assert {"report/report.html", "summary/report.md"} <= files(cluster.folder(run_id, "DataReview"))
    assert files(cluster.folder(run_id, "DataGate")) == {"executor-logs"}
    log = (cluster.folder(run_id, "DataGate") / "executor-logs").read_text()
    assert "flowers review accept 1 --all-findings --reason TEXT --by NAME" in log
    assert "**Training is blocked because " in log

    # From outside: the same page, with the configuration that the package was compiled with.
    roots = review_roots(cluster.config.pipeline_root, cluster.config.data_root)
    stored = require_review(*roots, span=1)
    assert (stored.review["verdict"], stored.review["run_id"]) == ("blocked", run_id)
    assert local_page(stored).read_bytes() == (cluster.folder(run_id, "DataReview") / "report/report.html").read_bytes()
    assert str(stored.html) in log
    (row,) = span_verdicts(cluster.config.data_root, cluster.config.pipeline_root)
    assert (row["verdict"], row["report"]) == ("blocked", str(stored.html))

    # Again: the review is a hit, the gate is none.
    again = cluster.run("22222222-2222-4222-8222-222222222222")
    assert {name: outcome.state for name, outcome in again.items()} == {"DataReview": "cached", "DataGate": "failed"}
    assert str(stored.html) in again["DataGate"].log

    errors = [finding["id"] for finding in stored.review["findings"] if finding["level"] == "error"]
    assert accept_findings(cluster.config, 1, None, "evening light", "Ada").value["findings"] == errors
    accepted = cluster.run("33333333-3333-4333-8333-333333333333")
    assert {name: outcome.state for name, outcome in accepted.items()} == {"DataReview": "complete", "DataGate": "complete"}
    assert require_review(*roots, span=1).review["decisions"][0]["reason"] == "evening light"
    unchanged = cluster.run("44444444-4444-4444-8444-444444444444")
    assert {outcome.state for outcome in unchanged.values()} == {"cached"}
