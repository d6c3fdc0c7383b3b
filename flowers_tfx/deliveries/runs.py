"""Runs of the pipeline for a watcher: `flowers run` on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from flowers_tfx.deliveries.jobs import Job, JobResult
from flowers_tfx.errors import ExitCode
from flowers_tfx.storage import is_locked, storage_path


@dataclass(frozen=True)
class RunOutcome:
    """`status`: succeeded, blocked or failed; `report`: the page of the data review; `pushed_model`: the version's path or URI."""

    status: str
    exit_code: int
    run_id: str | None = None
    blessed: bool | None = None
    pushed_model: str | None = None
    report: str | None = None
    error: str = ""
    hint: str = ""

    @property
    def version(self) -> str:
        return storage_path(self.pushed_model).name if self.pushed_model else ""


class Runs(Protocol):
    """One run at a time. `reference` names a run, also for a watcher that is started after another was killed."""

    def is_free(self) -> bool:
        """Whether a run could start now."""
        ...

    def start(self, reference: str) -> None: ...

    def attach(self, reference: str) -> bool:
        """Whether the run was started: it is at work, or its outcome is known."""
        ...

    def poll(self, reference: str) -> RunOutcome | None:
        """None while the run is at work."""
        ...

    def forget(self, reference: str) -> None:
        """Call this when the outcome is stored."""
        ...

    def stop(self) -> None:
        """Leaves the run such that the next watcher completes it."""
        ...


class LocalRuns:
    """`arguments`: the options of `flowers run`; `folder`: for the files of its processes, on a disk of this machine."""

    def __init__(self, arguments: Sequence[str], pipeline_root: str, folder: Path) -> None:
        self._arguments, self._pipeline_root, self._folder = arguments, pipeline_root, folder
        self._job: Job | None = None

    def is_free(self) -> bool:
        return not is_locked(storage_path(self._pipeline_root))

    def start(self, reference: str) -> None:
        self._job = Job(self._folder, reference)
        # The watcher ingests: a run sees spans alone.
        self._job.start(["run", *self._arguments, "--set", "ingest.csv=", "--json"])

    def attach(self, reference: str) -> bool:
        job = Job(self._folder, reference)
        if not job.is_alive() and job.result() is None:
            return False
        self._job = job
        return True

    def poll(self, reference: str) -> RunOutcome | None:
        job = self._job
        if job is None or job.is_alive():
            return None
        self._job = None
        return outcome_of(job.result() or JobResult(ExitCode.FAILED, None))

    def forget(self, reference: str) -> None:
        Job(self._folder, reference).remove_files()

    def stop(self) -> None:
        if self._job is not None:
            self._job.stop()


def outcome_of(result: JobResult) -> RunOutcome:
    """The outcome of `flowers run --json`."""
    value: dict[str, Any] = result.value if isinstance(result.value, dict) else {}
    status = str(value.get("status", "failed"))
    if result.exit_code not in (None, ExitCode.DONE, ExitCode.BLOCKED) and status != "blocked":
        status = "failed"
    codes = {"succeeded": ExitCode.DONE, "blocked": ExitCode.BLOCKED}
    failed = ExitCode.BAD_INPUT if result.exit_code == ExitCode.BAD_INPUT else ExitCode.FAILED
    return RunOutcome(
        status,
        codes.get(status, failed),
        value.get("run_id"),
        value.get("blessed"),
        value.get("pushed_model"),
        value.get("reports", {}).get("review"),
        result.error if status != "succeeded" else "",
        result.hint if status != "succeeded" else "",
    )
