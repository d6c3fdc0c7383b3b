"""Ingest on a real portable engine, Prism, with workers in this process and in worker pools: the span is the one that Direct makes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apache_beam.version import __version__ as beam_version

from tests.conftest import ROOT
from tests.e2e.prism import Service, free_port, prism, prism_binary, worker_pool
from tests.unit.test_engines import jar

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.long]
PER_CLASS = 12
JOB_S = 600


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("services") / "log"


@pytest.fixture(scope="module")
def binary() -> Path:
    return prism_binary()


@pytest.fixture(scope="module")
def engine(binary: Path, log: Path) -> Iterator[Service]:
    with prism(binary, log) as found:
        yield found


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    flowers("dataset", "sample", str(folder), "--per-class", str(PER_CLASS), "--json")
    flowers("dataset", "index", str(folder), "--json")
    # A line that no worker can read must be counted once, wherever it was looked at.
    with (folder / "all_data.csv").open("a") as csv:
        csv.write("absent.jpg,roses\n")
    return folder


@pytest.fixture(scope="module")
def direct(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("direct") / "data"
    output = flowers(*ingest(photos, root, "--engine", "direct"))
    assert (output["examples"], output["rejected"]) == (5 * PER_CLASS, 1)
    return root


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "flowers_tfx", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def answer(process: subprocess.Popen[str], code: int = 0) -> dict[str, Any]:
    out, errors = process.communicate(timeout=JOB_S)
    assert process.returncode == code, f"exit code {process.returncode}\n{out}\n{errors[-4000:]}"
    value = json.loads(out)
    assert isinstance(value, dict)
    return value


def flowers(*arguments: str, code: int = 0) -> dict[str, Any]:
    return answer(start(*arguments), code)


def ingest(photos: Path, root: Path, *more: str) -> list[str]:
    place = ["--csv", str(photos / "all_data.csv"), "--labels", str(photos / "dict.txt"), "--data-root", str(root)]
    return ["ingest", *place, *more, "--json"]


def portable(endpoint: str, environment: str, config: str = "") -> list[str]:
    keys = {"job_endpoint": endpoint, "environment": environment, "environment_config": config}
    return ["--engine", "portable", *(word for key, value in keys.items() if value for word in ("--set", f"beam.{key}={value}"))]


def content(root: Path) -> dict[str, str]:
    """Digests of everything in the span but the manifest, which holds its time."""
    files = [path for path in (root / "span-1").iterdir() if path.name != "manifest.json"]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def same_span(root: Path, other: Path) -> None:
    assert content(root) == content(other)
    one, two = (json.loads((home / "span-1" / "manifest.json").read_text()) for home in (root, other))
    assert {key: one[key] for key in ("digest", "delivery", "lines", "rejected", "splits")} == {
        key: two[key] for key in ("digest", "delivery", "lines", "rejected", "splits")
    }


def nothing_visible(root: Path) -> None:
    assert [path.name for path in root.iterdir() if path.name != ".lock"] == [] if root.exists() else True


def test_processes_of_this_machine(photos: Path, direct: Path, tmp_path: Path) -> None:
    flowers(*ingest(photos, tmp_path / "data", "--engine", "direct-multi", "--set", "beam.workers=2"))
    same_span(tmp_path / "data", direct)


def test_prism_with_workers_in_this_process(engine: Service, photos: Path, direct: Path, tmp_path: Path) -> None:
    output = flowers(*ingest(photos, tmp_path / "data", *portable(engine.endpoint, "loopback")))
    assert (output["examples"], output["rejected"]) == (5 * PER_CLASS, 1)
    same_span(tmp_path / "data", direct)


def test_two_worker_pools_with_a_job_each_at_the_same_time(engine: Service, photos: Path, direct: Path, tmp_path: Path, log: Path) -> None:
    """Prism starts one worker a job and environment: two pools serve two jobs."""
    with worker_pool(log) as one, worker_pool(log) as two:
        roots = [tmp_path / "one", tmp_path / "two"]
        jobs = [
            start(*ingest(photos, root, *portable(engine.endpoint, "external", pool.endpoint)))
            for root, pool in zip(roots, (one, two), strict=True)
        ]
        for job in jobs:
            answer(job)
    for root in roots:
        same_span(root, direct)


def test_a_worker_pool_that_is_killed(engine: Service, photos: Path, direct: Path, tmp_path: Path, log: Path) -> None:
    root = tmp_path / "data"
    with worker_pool(log) as pool:
        job = start(*ingest(photos, root, *portable(engine.endpoint, "external", pool.endpoint)))
        _wait_for_work(job, root)
        pool.kill()
        output = answer(job, code=1)
    assert "The ingest job failed" in output["error"]
    assert "\n" not in output["error"]
    assert output["hint"]
    nothing_visible(root)
    # The same command, with a pool that lives, completes the work.
    with worker_pool(log) as pool:
        flowers(*ingest(photos, root, *portable(engine.endpoint, "external", pool.endpoint)))
    same_span(root, direct)


def test_an_engine_that_is_killed(binary: Path, photos: Path, tmp_path: Path, log: Path) -> None:
    root = tmp_path / "data"
    with prism(binary, log) as engine:
        job = start(*ingest(photos, root, *portable(engine.endpoint, "loopback")))
        _wait_for_work(job, root)
        engine.kill()
        output = answer(job, code=1)
    assert "The ingest job failed" in output["error"]
    assert "\n" not in output["error"]
    nothing_visible(root)


def test_an_endpoint_that_does_not_answer(photos: Path, tmp_path: Path) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    began = time.monotonic()
    output = flowers(*ingest(photos, tmp_path / "data", *portable(nobody, "loopback")), code=2)
    assert f"{nobody} (beam.job_endpoint)" in output["error"]
    assert output["hint"]
    assert time.monotonic() - began < 120
    assert not (tmp_path / "data").exists()


def test_a_job_server_that_does_not_start(photos: Path, tmp_path: Path) -> None:
    """Beam's own FlinkRunner up to the job server: its command line, and the error when it ends at once."""
    launcher = tmp_path / "java"
    launcher.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\necho "no cluster" >&2\nexit 1\n')
    launcher.chmod(0o755)
    path = jar(tmp_path, f"beam-runners-flink-1.19-job-server-{beam_version}.jar")
    keys = ["beam.environment=loopback", "beam.master=[local]", f"beam.job_server_jar={path}"]
    sets = [word for key in (*keys, f"beam.options=--job_server_java_launcher={launcher}") for word in ("--set", key)]
    output = flowers(*ingest(photos, tmp_path / "data", "--engine", "flink", *sets), code=1)
    assert "The ingest job failed" in output["error"]
    assert f"-jar {path} --flink-master [local]" in (tmp_path / "arguments").read_text()
    nothing_visible(tmp_path / "data")


@pytest.mark.parametrize("engine", ["flink", "spark"])
def test_a_real_job_server_where_its_jar_is_given(engine: str, photos: Path, direct: Path, tmp_path: Path) -> None:
    variable = f"FLOWERS_{engine.upper()}_JOB_SERVER_JAR"
    if variable not in os.environ:
        pytest.skip(f"no job server: {variable} names none")
    master = {"flink": "[local]", "spark": "local[2]"}[engine]
    keys = ["beam.environment=loopback", f"beam.master={master}", f"beam.job_server_jar={os.environ[variable]}"]
    flowers(*ingest(photos, tmp_path / "data", "--engine", engine, *(word for key in keys for word in ("--set", key))))
    same_span(tmp_path / "data", direct)


def _wait_for_work(job: subprocess.Popen[str], root: Path) -> None:
    """Until workers have hashed some photos."""
    deadline = time.monotonic() + JOB_S
    while not any(path.stat().st_size for path in root.glob(".span-1.*.tmp/work/progress")):
        assert job.poll() is None, job.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
