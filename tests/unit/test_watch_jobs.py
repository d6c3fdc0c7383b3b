"""Commands in processes of their own, which outlive the watcher that started them."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from flowers_tfx.deliveries.jobs import Job, JobResult
from flowers_tfx.deliveries.runs import outcome_of
from tests.conftest import ROOT

# A watcher that starts a job and is gone.
STARTED_AND_LEFT = """
import os, sys
from pathlib import Path
from flowers_tfx.deliveries.jobs import Job
Job(Path(sys.argv[1]), "job").start(["spans", "--set", f"data_root={sys.argv[1]}", "--json"])
os._exit(0)
"""


def wait_for(job: Job) -> JobResult | None:
    deadline = time.monotonic() + 300
    while job.is_alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    return job.result()


def test_the_result_of_a_command(tmp_path: Path) -> None:
    job = Job(tmp_path, "job")
    job.start(["registry", "show", "7", "--set", f"registry={tmp_path}/none", "--json"])
    result = wait_for(job)
    assert result is not None
    assert result.exit_code == 2
    assert "7" in result.error
    job.remove_files()
    assert list(tmp_path.iterdir()) == []


def test_a_job_outlives_its_watcher_and_the_next_one_gets_its_result(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", STARTED_AND_LEFT, str(tmp_path)], cwd=ROOT, check=True)
    job = Job(tmp_path, "job")
    assert job.is_alive(), "it starts for longer than it takes to get here"
    assert job.result() is None
    assert wait_for(job) == JobResult(None, [])


def test_a_job_that_was_stopped_left_no_result(tmp_path: Path) -> None:
    job = Job(tmp_path, "job")
    job.start(["spans", "--set", f"data_root={tmp_path}", "--json"])
    job.stop()
    assert not job.is_alive()
    assert Job(tmp_path, "job").result() is None
    assert not Job(tmp_path, "job").is_alive()


def test_a_job_that_never_was(tmp_path: Path) -> None:
    assert not Job(tmp_path, "job").is_alive()
    assert Job(tmp_path, "job").result() is None


def test_outcomes_of_runs() -> None:
    succeeded = {"status": "succeeded", "run_id": "r", "blessed": True, "pushed_model": "/registry/7", "reports": {"review": "/page"}}
    outcome = outcome_of(JobResult(0, succeeded))
    assert (outcome.status, outcome.exit_code, outcome.version, outcome.report) == ("succeeded", 0, "7", "/page")
    # Of a run that an earlier watcher started the exit code is not known.
    assert outcome_of(JobResult(None, succeeded)) == outcome
    blocked = {"status": "blocked", "run_id": "r", "reports": {"review": "/page"}, "error": "e", "hint": "h"}
    assert outcome_of(JobResult(3, blocked)) == outcome_of(JobResult(None, blocked))
    assert outcome_of(JobResult(3, blocked)).status == "blocked"
    assert (outcome_of(JobResult(2, {"error": "e", "hint": ""})).exit_code, outcome_of(JobResult(1, {"error": "e"})).exit_code) == (2, 1)
    # Killed by the system, for its memory for example.
    killed = outcome_of(JobResult(1, None, "last words"))
    assert (killed.status, killed.exit_code, killed.hint) == ("failed", 1, "last words")
