"""The run that deliveries and decisions of reviewers make due."""

from __future__ import annotations

import uuid

from flowers_tfx.data.decisions import read_decisions
from flowers_tfx.data.forgotten import forgotten_digests
from flowers_tfx.data.span_states import settled_count
from flowers_tfx.deliveries.runs import RunOutcome, Runs
from flowers_tfx.deliveries.session import Session
from flowers_tfx.deliveries.watch_state import DueRun
from flowers_tfx.errors import ExitCode


class RunStep:
    """`approvals`: how many names a decision needs to count; `ended`: whether a run has ended since this watcher was started."""

    def __init__(self, session: Session, runs: Runs, data_root: str, approvals: int) -> None:
        self._session, self._runs, self._data_root, self._approvals = session, runs, data_root, approvals
        self._busy = self.ended = False
        state = session.state
        if state.decisions is None:
            state.decisions = self._count_decisions()
        if state.run and state.run.status == "failed":
            # Whoever starts a watcher again has perhaps mended the cause.
            state.run = DueRun("due", state.run.deliveries)

    @property
    def is_busy(self) -> bool:
        return self._busy

    def is_ready(self, now: float) -> bool:
        """Whether a run should start now, or was started by a watcher that was killed."""
        run = self._session.state.run
        return run is not None and run.status in ("due", "started") and run.not_before <= now

    def look_for_decisions(self) -> None:
        """A decision that the last run did not know makes a run due: what was blocked goes on, a span that is rejected later leaves the
        model."""
        state = self._session.state
        if self._busy or self._count_decisions() == state.decisions:
            return
        if state.run is None or state.run.status in ("blocked", "failed"):
            state.run = DueRun("due", state.run.deliveries if state.run else [])
            self._session.save()

    def start(self, now: float) -> None:
        """Raises InputError while a photo is half forgotten: no run can work then."""
        run = self._session.state.run
        if run is None:
            return
        if run.status == "started" and self._runs.attach(run.reference):
            self._busy = True
            return
        if not self._runs.is_free():
            run.not_before = now + self._session.settings.poll_s
            return
        forgotten_digests(self._data_root)
        run.status, run.reference, run.started = "started", run.reference or f"run-{uuid.uuid4().hex}", now
        self._session.state.decisions = self._count_decisions()
        self._session.save()
        self._runs.start(run.reference)
        self._busy = True

    def poll(self, now: float) -> None:
        run = self._session.state.run
        if not self._busy or run is None:
            return
        outcome = self._runs.poll(run.reference)
        if outcome is None:
            return
        self._busy, self.ended = False, True
        self._session.state.exit_code = outcome.exit_code
        seconds = round(max(0.0, now - run.started), 1)
        wait_s = self._apply(run, outcome, now)
        new_version = outcome.version if outcome.status == "succeeded" and outcome.version != self._session.state.version else ""
        self._session.state.version = new_version or self._session.state.version
        self._session.save()
        self._runs.forget(run.reference)
        self._emit(run, outcome, seconds, wait_s, new_version)

    def stop(self) -> None:
        if self._busy:
            self._runs.stop()

    def _apply(self, run: DueRun, outcome: RunOutcome, now: float) -> float | None:
        """The state after the run; how long until it is tried again, None if it is not."""
        state = self._session.state
        if outcome.status == "succeeded":
            state.run = None
        elif outcome.status == "blocked":
            state.run = DueRun("blocked", run.deliveries)
        else:
            attempts = run.attempts + 1
            # Bad input fails again until something changes: new photos, a decision, the configuration.
            wait_s = None if outcome.exit_code == ExitCode.BAD_INPUT else self._session.retry_wait_s(attempts)
            state.run = DueRun("failed" if wait_s is None else "due", run.deliveries, attempts, now + (wait_s or 0.0))
            return wait_s
        return None

    def _emit(self, run: DueRun, outcome: RunOutcome, seconds: float, wait_s: float | None, new_version: str) -> None:
        self._session.emit(
            "run",
            run_id=outcome.run_id,
            status=outcome.status,
            exit_code=int(outcome.exit_code),
            deliveries=run.deliveries,
            blessed=outcome.blessed,
            pushed_model=outcome.pushed_model,
            seconds=seconds,
        )
        why = {"run_id": outcome.run_id, "error": outcome.error, "hint": outcome.hint}
        if new_version:
            self._session.emit("pushed", run_id=outcome.run_id, version=new_version, pushed_model=outcome.pushed_model)
        elif outcome.status == "blocked":
            self._session.emit("blocked", **why, report=outcome.report)
        elif outcome.status == "failed":
            self._session.emit("failed", step="run", **why, attempt=run.attempts + 1, retry_in_s=wait_s)

    def _count_decisions(self) -> int:
        """Those that count: one that waits for another name changes no run."""
        return settled_count(read_decisions(self._data_root), self._approvals)
