"""Runs of the pipeline for a watcher: a compiled package on open-source Pipelines, submitted as `flowers kubeflow submit` does."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowers_tfx import registry
from flowers_tfx.config import PipelineConfig
from flowers_tfx.deliveries.runs import RunOutcome
from flowers_tfx.errors import ExitCode, InputError
from flowers_tfx.orchestration.kubeflow.connection import Connection
from flowers_tfx.orchestration.kubeflow.lint import read_clean_package
from flowers_tfx.orchestration.kubeflow.run_failure import failure_of
from flowers_tfx.orchestration.kubeflow.run_state import END_STATES, FAILED, SUCCEEDED, run_state, step_states
from flowers_tfx.orchestration.kubeflow.runs import find_run, submit_run
from flowers_tfx.orchestration.kubeflow.spec_patches import tasks
from flowers_tfx.orchestration.kubeflow.transport import Unavailable
from flowers_tfx.progress import notify
from flowers_tfx.review.stored_reviews import newest_review

if TYPE_CHECKING:
    from flowers_tfx.orchestration.kubeflow.client import PipelinesClient

_GATE = "DataGate"


class KubeflowRuns:
    """A reference is the run's name on the cluster, where a run goes on without a watcher."""

    def __init__(self, connection: Connection, package: Path) -> None:
        """Raises InputError for a package that the cluster would refuse, and a host that is not one."""
        self._connection, self._package = connection, package
        spec = read_clean_package(package).spec
        check_same_places(spec, connection.config)
        self._steps = list(tasks(spec))
        self._client: PipelinesClient = connection.client()
        self._run_id = self._refusal = ""
        self._next_poll = 0.0

    def is_free(self) -> bool:
        return True

    def start(self, reference: str) -> None:
        self._refusal = ""
        try:
            run = submit_run(self._connection, self._package, reference, {}, False, None, lambda *_: None)
            self._run_id = run["run_id"]
        except InputError as error:  # the host does not answer, for example
            self._run_id, self._refusal = "", error.message

    def attach(self, reference: str) -> bool:
        self._refusal = ""
        self._run_id = find_run(self._client, reference, self._connection.target().namespace)
        return bool(self._run_id)

    def poll(self, reference: str) -> RunOutcome | None:
        if self._refusal:
            return RunOutcome("failed", ExitCode.FAILED, error=self._refusal)
        if time.monotonic() < self._next_poll:
            return None
        self._next_poll = time.monotonic() + self._connection.config.watch.poll_s
        try:
            run = self._client.read_run(self._run_id)
        except Unavailable as error:
            # The run goes on without us: whether it succeeds is known when the host answers again.
            notify(error.message)
            return None
        return self._outcome(run) if run_state(run) in END_STATES else None

    def forget(self, reference: str) -> None:
        self._run_id = ""

    def stop(self) -> None:
        """The run goes on; the next watcher finds it by its name."""

    def _outcome(self, run: dict[str, Any]) -> RunOutcome:
        config = self._connection.config
        review = newest_review(config.data_root)
        report = str(review.html) if review else None
        if run_state(run) == SUCCEEDED:
            newest = next(iter(registry.versions(config.registry)), None)
            pushed = None if newest is None else str(registry.version_path(config.registry, newest))
            return RunOutcome("succeeded", ExitCode.DONE, self._run_id, pushed_model=pushed, report=report)
        error = failure_of(self._client, self._run_id, run, self._steps, self._connection.target().namespace)
        blocked = step_states(run, self._steps).get(_GATE) == FAILED
        status, code = ("blocked", ExitCode.BLOCKED) if blocked else ("failed", ExitCode.FAILED)
        return RunOutcome(status, code, self._run_id, report=report, error=error)


def check_same_places(spec: Mapping[str, Any], config: PipelineConfig) -> None:
    """Raises InputError if the package's runs would read other spans than those that the watcher ingests, or push elsewhere."""
    parameters = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    for key, here in (("data_root", config.data_root), ("registry", config.registry)):
        there = parameters.get(key, {}).get("defaultValue", here)
        if there != here:
            raise InputError(
                f"{key} is {here}, and that of the package is {there}.", f"Compile the package with this configuration, or set {key}."
            )
