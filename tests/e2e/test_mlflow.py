"""Runs of a made-up store, exported to a real MLflow server on SQLite."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowers_tfx.errors import ExplainedFailure, InputError
from flowers_tfx.experiments.comparison import Question, compare_runs
from flowers_tfx.experiments.mlflow_client import MlflowClient, connect
from flowers_tfx.experiments.mlflow_export import export_runs
from tests.conftest import ROOT
from tests.e2e.package_environment import environment_programs
from tests.unit.experiment_store import Store, evaluation

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

_STARTS_WITHIN_S = 240.0  # 15 on an idle machine


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowClient]:
    programs = environment_programs(ROOT / "requirements" / "mlflow.txt")
    home = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [programs / "mlflow", "server", "--backend-store-uri", f"sqlite:///{home}/mlflow.db", "--port", str(port), "--workers", "1"]
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    environment.pop("PYTHONPATH", None)
    with (home / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=home, stdout=log, stderr=log, env=environment)
    try:
        _wait(f"http://127.0.0.1:{port}/health", process, home / "log")
        yield connect(f"http://127.0.0.1:{port}/")
    finally:
        process.terminate()
        process.wait(30)


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    latest = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < latest:
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.25)
    raise AssertionError(log.read_text())


def items(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {row["key"]: row["value"] for row in rows}


@pytest.mark.long
@pytest.mark.timeout(300)
def test_runs_exported_twice_are_the_same_runs_of_mlflow(server: MlflowClient, tmp_path: Path) -> None:
    store = Store(tmp_path)
    many = {f"setting_{number}": number for number in range(150)}  # more than MLflow takes in one request
    store.add_run("r1", {"model": {"alpha": 0.35, "weights": ""}, "training": many}, evaluation(0.8))
    store.add_run("r2", {"model": {"alpha": 0.5, "backbone": "b" * 5000}}, evaluation(0.9, classes=[score("a class: 'odd' = \u00e9")]))
    store.add_run("r3", {"model": {"alpha": 9.0}}, failed="Trainer")

    def export() -> dict[str, Any]:
        return export_runs(compare_runs(store.config, Question()), "flowers", server)

    first, second = export(), export()
    assert (first["created"], first["updated"]) == (3, 0)
    assert (second["created"], second["updated"]) == (0, 3)
    stored = server.call("POST", "runs/search", {"experiment_ids": [first["experiment_id"]], "max_results": 100})["runs"]
    by_id = {items(run["data"]["tags"])["flowers.run_id"]: run for run in stored}
    assert len(stored) == 3
    assert {run_id: run["info"]["status"] for run_id, run in by_id.items()} == {"r1": "FINISHED", "r2": "FINISHED", "r3": "FAILED"}
    assert items(by_id["r1"]["data"]["params"])["training.setting_149"] == "149"
    assert items(by_id["r1"]["data"]["metrics"])["accuracy.label.roses"] == pytest.approx(0.8)
    assert items(by_id["r2"]["data"]["metrics"])["accuracy"] == pytest.approx(0.9)
    assert any(name.startswith("precision.a class_") for name in items(by_id["r2"]["data"]["metrics"]))


def score(name: str) -> dict[str, Any]:
    return {"name": name, "precision": 0.5, "recall": 0.5, "auc": 0.5, "support": 10}


def test_a_server_that_is_not_there_and_addresses_that_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ExplainedFailure, match="gives no answer"):
        connect("http://127.0.0.1:9").call("GET", "experiments/get-by-name", {"experiment_name": "x"})
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for uri in (None, "sqlite:///mlflow.db", "mlruns", "http://", "http://user:secret@host:5000"):
        with pytest.raises(InputError):
            connect(uri)
