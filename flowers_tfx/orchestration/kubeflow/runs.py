"""Runs on open-source Pipelines: submit one, and wait for its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.kubeflow.connection import Connection, RunTarget
from flowers_tfx.orchestration.kubeflow.lint import read_clean_package
from flowers_tfx.orchestration.kubeflow.package import Package
from flowers_tfx.orchestration.kubeflow.transport import Missing, Unavailable, not_pipelines

if TYPE_CHECKING:
    from flowers_tfx.orchestration.kubeflow.client import PipelinesClient

SUCCEEDED = "SUCCEEDED"
END_STATES = frozenset({SUCCEEDED, "FAILED", "CANCELED", "SKIPPED"})
POLL_S = 10.0
# A server that restarts, or a port that is forwarded anew, must not end the wait for a run of hours.
PATIENCE_S = 300.0
MAX_REASON_CHARS = 160


def submit_run(
    connection: Connection,
    path: Path,
    name: str | None,
    parameters: Mapping[str, str],
    wait: bool,
    timeout_s: float | None,
    watch: Callable[[str, str], None],
) -> dict[str, Any]:
    """Starts a run and, if asked to, waits for its end. `error` is empty unless a run that was waited for did not succeed."""
    package = read_clean_package(path)
    check_parameters(package, parameters)
    client, target = connection.client(), connection.target()
    name = name or f"{package.name}-{datetime.now(timezone.utc):%Y%m%dT%H%M%S}"
    run_id = create_run(client, package, name, target, parameters)
    value = {"run_id": run_id, "name": name, "experiment": target.experiment, "state": "PENDING", "error": ""}
    if not wait:
        return value
    run = wait_for_run(client, run_id, watch, timeout_s)
    state = str(run.state) if run and run.state else "PENDING"
    return {**value, "state": state, "error": "" if state == SUCCEEDED else failure_of(run)}


def create_run(client: PipelinesClient, package: Package, name: str, target: RunTarget, parameters: Mapping[str, str]) -> str:
    """The id of a new run."""
    experiment = experiment_id(client, target)
    with package.file() as path, client.quiet():
        run = client.run_pipeline(experiment, name, path, dict(parameters), service_account=target.service_account or None)
    return require_id(client, run.run_id)


def check_parameters(package: Package, parameters: Mapping[str, str]) -> None:
    """Raises InputError for a parameter that the package does not have."""
    defined = package.spec["root"].get("inputDefinitions", {}).get("parameters", {})
    for name in parameters:
        if name not in defined:
            raise InputError(f"The package has no run parameter {name}.", f"It has {', '.join(sorted(defined)) or 'none'}.")


def experiment_id(client: PipelinesClient, target: RunTarget) -> str:
    """The experiment's id; it is made where there is none. Raises InputError where the namespace does not exist."""
    try:
        with client.quiet():
            experiment = client.create_experiment(target.experiment, namespace=target.namespace)
    except ValueError as error:
        if not str(error).startswith("Multiple experiments"):
            raise
        raise InputError(f"There are several experiments {target.experiment}.", "Name another one with --experiment.") from None
    except Missing:
        if target.namespace:
            message = f"The host {client.host} has no namespace {target.namespace}, or is not the Pipelines API (404)."
            raise InputError(message, "Name another one with --namespace.") from None
        raise
    return require_id(client, experiment.experiment_id)


def require_id(client: PipelinesClient, value: str | None) -> str:
    """Raises InputError for an answer without an id: another kind of server gave it."""
    if not value:
        raise not_pipelines(client.host)
    return value


def wait_for_run(client: PipelinesClient, run_id: str, watch: Callable[[str, str], None], timeout_s: float | None = None) -> Any:
    """The run (V2beta1Run) when it has ended, or as it is after `timeout_s`; None if the host has not answered until then.

    `watch(task, state)` is called for every change. kfp's own wait shows no steps, ends at the first failed request, and never ends for a
    run that was cancelled. Raises Unavailable when the host has not answered for PATIENCE_S.
    """
    started = answered = time.monotonic()
    states: dict[str, str] = {}
    run = None
    while True:
        try:
            with client.quiet():
                run = client.get_run(run_id)
            answered = time.monotonic()
        except Unavailable:
            if time.monotonic() - answered > PATIENCE_S:
                raise
        for task, state in task_states(run).items():
            if states.get(task) != state:
                states[task] = state
                watch(task, state)
        late = timeout_s is not None and time.monotonic() - started > timeout_s
        if late or (run and run.state in END_STATES):
            return run
        time.sleep(POLL_S)


def task_states(run: Any) -> dict[str, str]:
    """States of the steps by name, without the drivers that the backend runs for itself."""
    states = {str(task.display_name or ""): str(task.state or "PENDING") for task in _tasks(run)}
    return {name: state for name, state in states.items() if name and name != "root" and not name.endswith(("-driver", "executor"))}


def failure_of(run: Any) -> str:
    """Which step failed, and why, as far as the backend reports it."""
    if run is None or run.state not in END_STATES:
        return "The run has not ended yet; it goes on."
    errors = [task.error for task in _tasks(run) if task.state == "FAILED"]
    reason = next((" ".join(error.message.split()) for error in [*errors, run.error] if error and error.message), "")
    reason = reason[:MAX_REASON_CHARS].rstrip(".")
    steps = sorted(name for name, state in task_states(run).items() if state == "FAILED")
    where = f" in {', '.join(steps)}" if steps else ""
    # The backend reports no exit code, so a review that stopped the run cannot be distinguished from a step that broke.
    hint = " If the data review stopped it, the step's log says what to accept or reject." if "DataReview" in steps else ""
    return f"The run ended as {run.state}{where}{f': {reason}' if reason else ''}.{hint}"


def _tasks(run: Any) -> list[Any]:
    return (run.run_details.task_details or []) if run and run.run_details else []
