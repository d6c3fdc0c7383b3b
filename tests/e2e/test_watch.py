"""`flowers watch` with real ingests and runs: killed, refused beside another one, completed by the next."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, small_photo, write_photos
from tests.e2e.conftest import Workshop
from tests.unit.pipelines_server import TOKEN, Cluster, serve_cluster
from tests.unit.test_kubeflow_lint import small_spec
from tests.watch_process import Watchers

# What is tested is the watcher: the runs below it are tested on each stack elsewhere.
pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.one_stack]


@pytest.fixture(scope="module")
def watchers(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watchers]:
    config = yaml.safe_load(workshop.config.read_text())
    config["watch"] = {"quiet_s": 2, "stable_s": 0.5, "poll_s": 1}
    workshop.config.write_text(yaml.safe_dump(config))
    write_photos(workshop.photos, 30)
    (workshop.photos / "daisy" / "broken.jpg").write_text("<html>")
    running = Watchers([str(workshop.photos), "--config", str(workshop.config)], tmp_path_factory.mktemp("log") / "watch.log")
    yield running
    running.close()


def test_a_watcher_is_killed_in_the_run_and_the_next_one_completes_it(workshop: Workshop, watchers: Watchers) -> None:
    watchers.start()
    assert watchers.wait_for("batch")["files"] == 91
    span = watchers.wait_for("span")
    assert (span["span"], span["examples"], span["rejected"]) == (1, 90, 1)
    aside = json.loads(Path(watchers.wait_for("set_aside")["record"]).read_text())
    assert [(Path(file["uri"]).name, file["reason"]) for file in aside["files"]] == [("broken.jpg", "not a picture")]
    _wait_until((workshop.home / "pipeline" / "StatisticsGen").is_dir)  # the run has begun, and has not ended
    assert watchers.end(signal.SIGKILL) == -signal.SIGKILL
    assert not watchers.of("run")
    watchers.start()
    _the_second_watcher_is_refused(workshop, watchers.pid)
    run = watchers.wait_for("run")
    assert (run["status"], run["deliveries"]) == ("succeeded", [span["delivery"]])
    assert watchers.wait_for("pushed")["version"] == str(workshop.versions()[0])
    watchers.wait_for("idle")
    assert len(workshop.flowers("runs", "--config", str(workshop.config), "--json")) == 1, "the run went on without a watcher"
    assert watchers.end(signal.SIGTERM) == 0


def _the_second_watcher_is_refused(workshop: Workshop, watcher: int) -> None:
    lock = workshop.data_root / "watch" / ".lock"
    _wait_until(lambda: lock.read_text() == str(watcher))  # its holder writes its process id
    command = workshop.command("watch", str(workshop.photos), "--once", "--config", str(workshop.config), "--json")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Another watcher is at work" in json.loads(done.stdout)["error"]


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def test_once_with_nothing_new_is_done_at_once(watchers: Watchers) -> None:
    before = len(watchers.events)
    watchers.start("--once")
    assert watchers.exit_code(300) == 0
    assert [event["event"] for event in watchers.events[before:]] == ["idle"]


def test_once_exits_with_the_code_of_what_failed(workshop: Workshop, watchers: Watchers) -> None:
    (workshop.photos / "empty.csv").write_text("")
    before = len(watchers.events)
    watchers.start("--once")
    assert watchers.exit_code(300) == 2
    assert [event["event"] for event in watchers.events[before:]] == ["batch", "set_aside", "idle"]


def test_ingest_writes_rejects_where_they_are_wanted(workshop: Workshop, tmp_path: Path) -> None:
    """Also of a delivery without a span."""
    (tmp_path / "good.jpg").write_bytes(small_photo(1))
    (tmp_path / "bad.jpg").write_text("<html>")
    (tmp_path / "all.csv").write_text("good.jpg,daisy\nbad.jpg,daisy\nabsent.jpg,roses\n")
    (tmp_path / "bad.csv").write_text("bad.jpg,daisy\n")
    ingest = ("ingest", "--data-root", str(tmp_path / "data"), "--id", "one", "--rejects", str(tmp_path / "rejects"), "--json")
    assert workshop.flowers(*ingest, "--csv", str(tmp_path / "all.csv"))["span"] == 1
    assert json.loads((tmp_path / "data" / "span-1" / "manifest.json").read_text())["ingest_id"] == "one"
    reasons = [json.loads(line)["reason"] for line in (tmp_path / "rejects").read_text().splitlines()]
    assert sorted(reasons) == ["no such file", "not a picture"]
    assert (tmp_path / "rejects").read_text() == (tmp_path / "data" / "span-1" / "rejects.jsonl").read_text()
    workshop.flowers(*ingest, "--csv", str(tmp_path / "bad.csv"), code=2)
    assert len((tmp_path / "rejects").read_text().splitlines()) == 1


def test_a_run_on_kubeflow_is_submitted_once_although_the_watcher_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWERS_KUBEFLOW_TOKEN", TOKEN)
    inbox = write_photos(tmp_path / "inbox", 2)
    spec = small_spec()
    spec["root"]["inputDefinitions"]["parameters"]["data_root"]["defaultValue"] = f"{tmp_path}/data"
    (tmp_path / "p.yaml").write_text(yaml.safe_dump(spec))
    roots = [word for key in ("data_root", "registry") for word in ("--set", f"{key}={tmp_path}/{key.removesuffix('_root')}")]
    fast = [word for key in ("quiet_s=0", "stable_s=0.1", "poll_s=0.3") for word in ("--set", f"watch.{key}")]
    with serve_cluster(Cluster(states=["RUNNING"] * 6 + ["SUCCEEDED"])) as cluster:
        on_cluster = ["--submit", cluster.host, "--package", str(tmp_path / "p.yaml"), "--set", f"pipeline_root={tmp_path}/pipeline"]
        watchers = Watchers([str(inbox), *on_cluster, *roots, *fast], tmp_path / "log")
        watchers.start()
        span = watchers.wait_for("span")
        deadline = time.monotonic() + 300
        while not cluster.runs and time.monotonic() < deadline:
            time.sleep(0.05)
        watchers.end(signal.SIGKILL)
        watchers.start()
        run = watchers.wait_for("run")
        watchers.wait_for("idle")
        assert watchers.end(signal.SIGTERM) == 0
    assert (run["status"], run["run_id"], run["deliveries"]) == ("succeeded", "r1", [span["delivery"]])
    assert len(cluster.runs) == 1
