"""Runs of a watcher on a double of the Pipelines API."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from flowers_tfx.config import load_config
from flowers_tfx.deliveries.kubeflow_runs import KubeflowRuns
from flowers_tfx.deliveries.runs import RunOutcome
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.kubeflow.connection import Connection
from tests.unit.pipelines_server import TOKEN, Cluster, serve_cluster
from tests.unit.test_kubeflow_lint import small_spec


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setenv("FLOWERS_KUBEFLOW_TOKEN", TOKEN)
    with serve_cluster(Cluster()) as served:
        yield served


def runs_on(cluster: Cluster, home: Path, data_root: str = "") -> KubeflowRuns:
    package, spec = home / "p.yaml", small_spec()
    spec["root"]["inputDefinitions"]["parameters"]["data_root"]["defaultValue"] = data_root or f"{home}/data"
    package.write_text(yaml.safe_dump(spec))
    config = load_config(None, [f"data_root={home}/data", f"registry={home}/registry", "watch.poll_s=0.001"])
    return KubeflowRuns(Connection(config, cluster.host, None, None, "flowers"), package)


def wait_for(runs: KubeflowRuns, reference: str) -> RunOutcome:
    for _ in range(20):
        outcome = runs.poll(reference)
        if outcome is not None:
            return outcome
        time.sleep(0.01)
    raise AssertionError("the run does not end")


def test_a_run_is_submitted_once_and_found_again_after_a_kill(cluster: Cluster, tmp_path: Path) -> None:
    runs = runs_on(cluster, tmp_path)
    assert not runs.attach("run-1")
    runs.start("run-1")
    assert [run["display_name"] for run in cluster.runs] == ["run-1"]
    after_a_kill = runs_on(cluster, tmp_path)
    assert after_a_kill.attach("run-1")
    (tmp_path / "registry" / "41").mkdir(parents=True)
    outcome = wait_for(after_a_kill, "run-1")
    assert (outcome.status, outcome.exit_code, outcome.run_id) == ("succeeded", 0, "r1")
    assert len(cluster.runs) == 1


def test_a_failed_step_is_a_failed_run(cluster: Cluster, tmp_path: Path) -> None:
    cluster.states = ["RUNNING", "FAILED"]
    runs = runs_on(cluster, tmp_path)
    runs.start("run-1")
    outcome = wait_for(runs, "run-1")
    assert (outcome.status, outcome.exit_code) == ("failed", 1)
    assert "FAILED" in outcome.error


def test_a_host_that_fails_is_a_failed_attempt(cluster: Cluster, tmp_path: Path) -> None:
    runs = runs_on(cluster, tmp_path)
    cluster.answers = [(500, {"message": "no database"})] * 10
    runs.start("run-1")
    outcome = wait_for(runs, "run-1")
    assert (outcome.status, outcome.exit_code) == ("failed", 1)
    assert "no database" in outcome.error


def test_a_package_for_another_data_root_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="s3://other"):
        runs_on(cluster, tmp_path, data_root="s3://other")
