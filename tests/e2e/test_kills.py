"""kill -9 during ingest, Trainer, Pusher and PublishBaseline: nothing half-written is seen, and the same command completes the work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flowers_tfx import registry
from tests.conftest import ROOT
from tests.e2e.conftest import Workshop, states

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.one_stack]

# A copy into the registry, cut off in the middle: the process kills itself after the first file of the N-th one.
PUSH_KILLED = """
import os, signal, shutil, sys
from flowers_tfx.registry import publishing
class Dying:
    left = int(sys.argv.pop(1))
    @classmethod
    def copytree(cls, source, target, dirs_exist_ok):
        cls.left -= 1
        if cls.left:
            return shutil.copytree(source, target, dirs_exist_ok=dirs_exist_ok)
        first = next(path for path in sorted(source.rglob("*")) if path.is_file())
        shutil.copy(first, target)
        os.kill(os.getpid(), signal.SIGKILL)
publishing.shutil = Dying
from flowers_tfx.cli import main
main(sys.argv[1:])
"""


def run_and_kill(command: list[str], moment: Callable[[], bool], meanwhile: Callable[[int], None] = lambda pid: None) -> None:
    """Starts the command in a process group of its own and kills all of it when `moment` has come and `meanwhile` has been called."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        while not moment():
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.02)
        meanwhile(process.pid)
        assert process.poll() is None, "it ended before it could be killed"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def visible_spans(workshop: Workshop) -> list[str]:
    return sorted(p.name for p in workshop.data_root.iterdir() if not p.name.startswith(".")) if workshop.data_root.is_dir() else []


@pytest.fixture(scope="module", autouse=True)
def delivery(workshop: Workshop) -> None:
    workshop.deliver(30)


def test_killed_in_ingest(workshop: Workshop) -> None:
    command = workshop.command("run", "--config", str(workshop.config))
    run_and_kill(command, lambda: any(workshop.data_root.glob(".span-1.*.tmp/work/*")) if workshop.data_root.is_dir() else False)
    assert visible_spans(workshop) == []


def test_killed_in_trainer_while_a_second_run_is_refused(workshop: Workshop) -> None:
    def refused(pid: int) -> None:
        report = workshop.run(code=2)
        assert "Another run is at work" in report["error"]
        assert str(pid) in report["error"]

    trainer = workshop.home / "pipeline" / "Trainer"
    command = workshop.command(
        "run", "--config", str(workshop.config), "--set", "training.fine_tune_epochs=10000", "--set", "training.patience=10000"
    )
    run_and_kill(command, lambda: any(trainer.rglob("events.out.tfevents*")), refused)
    assert visible_spans(workshop) == ["span-1"]
    assert workshop.versions() == []
    listed = workshop.flowers("runs", "--config", str(workshop.config), "--json")
    assert {run["status"] for run in listed} == {"unfinished"}


def test_killed_in_pusher(workshop: Workshop) -> None:
    _killed_in_copy(workshop, 1)
    assert workshop.versions() == []
    assert registry.versions(str(workshop.registry)) == []


def test_killed_in_publish_baseline(workshop: Workshop) -> None:
    _killed_in_copy(workshop, 2)
    [version] = workshop.versions()  # the model is whole, and what lies beside it is not there yet
    assert registry.damage(str(workshop.registry), registry.entry(str(workshop.registry), version)) == ""
    assert registry.baseline_digest(str(workshop.registry), version) == ""


def _killed_in_copy(workshop: Workshop, number: int) -> None:
    command = [sys.executable, "-c", PUSH_KILLED, str(number), "run", "--config", str(workshop.config)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    assert [p for p in workshop.registry.iterdir() if p.name.endswith(".tmp")], "the copy was not cut in the middle"


def test_the_same_command_completes_it(workshop: Workshop) -> None:
    report = workshop.run()
    assert report["status"] == "succeeded"
    found = states(report)
    assert found["PublishBaseline"] == "complete"
    assert found["Pusher"] == found["Trainer"] == found["Evaluator"] == found["ImportExampleGen"] == "cached"
    assert registry.baseline_is_whole(str(workshop.registry), workshop.versions()[0])
    assert [Path(report["pushed_model"]).name] == [str(v) for v in workshop.versions()]
    assert not [p for p in workshop.registry.iterdir() if p.name.endswith(".tmp")]
    assert registry.model_digest(Path(report["pushed_model"])) == registry.entry(str(workshop.registry), workshop.versions()[0]).digest
