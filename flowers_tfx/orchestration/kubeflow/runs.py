"""Runs on open-source Pipelines: submit one, and wait for its end."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.kubeflow.connection import Connection, RunTarget, check_namespace
from flowers_tfx.orchestration.kubeflow.lint import read_clean_package
from flowers_tfx.orchestration.kubeflow.package import Package
from flowers_tfx.orchestration.kubeflow.run_failure import failure_of
from flowers_tfx.orchestration.kubeflow.run_state import CANCELING, END_STATES, PENDING, SUCCEEDED, is_terminated, run_state, step_states
from flowers_tfx.orchestration.kubeflow.spec_patches import tasks
from flowers_tfx.orchestration.kubeflow.transport import ServerFailed, Unavailable, not_pipelines

if TYPE_CHECKING:
    from flowers_tfx.orchestration.kubeflow.client import PipelinesClient

POLL_S = 10.0
# A restarted server or port forwarding must not end the wait for a run of hours.
PATIENCE_S = 300.0
# The last request of a wait with a time limit has at least this long.
LAST_REQUEST_S = 1.0


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
    name = name or f"{package.name}-{datetime.now(timezone.utc):%Y%m%dT%H%M%S}"
    connection.check_names("run", name)
    client, target = connection.client(), connection.target()
    check_namespace(client, target.namespace)
    run_id = create_run(client, package, name, target, parameters)
    value = {"run_id": run_id, "name": name, "experiment": target.experiment, "state": PENDING, "error": ""}
    if not wait:
        return value
    steps = list(tasks(package.spec))
    run = wait_for_run(client, run_id, steps, watch, timeout_s)
    state = run_state(run)
    return {**value, "state": state, "error": "" if state == SUCCEEDED else failure_of(client, run_id, run, steps, target.namespace)}


def create_run(client: PipelinesClient, package: Package, name: str, target: RunTarget, parameters: Mapping[str, str]) -> str:
    """The id of a new run."""
    experiment = experiment_id(client, target)
    with package.file() as path, warn_of_half_made("workflows"), client.quiet():
        run = client.run_pipeline(experiment, name, path, dict(parameters), service_account=target.service_account or None)
    return require_id(client, run.run_id)


@contextlib.contextmanager
def warn_of_half_made(resource: str) -> Iterator[None]:
    """Around a request that makes a Kubernetes object: a server that failed at it may have made the object, and not stored it."""
    try:
        yield
    except (Unavailable, ServerFailed) as error:
        hint = f"The server makes the Kubernetes object first, so it may exist all the same and run: see `kubectl get {resource}`."
        raise type(error)(error.message, hint) from None


def find_run(client: PipelinesClient, name: str, namespace: str) -> str:
    """The id of the run with this name, empty if there is none: whether a request whose answer was lost has started a run."""
    predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
    query = urlencode({"filter": json.dumps({"predicates": [predicate]}), "namespace": namespace, "page_size": 1})
    runs = client.get_json(f"runs?{query}").get("runs") or []
    return str(runs[0].get("run_id", "")) if runs else ""


def check_parameters(package: Package, parameters: Mapping[str, str]) -> None:
    """Raises InputError for a parameter that the package does not have."""
    defined = package.spec["root"].get("inputDefinitions", {}).get("parameters", {})
    for name in parameters:
        if name not in defined:
            raise InputError(f"The package has no run parameter {name}.", f"It has {', '.join(sorted(defined)) or 'none'}.")


def experiment_id(client: PipelinesClient, target: RunTarget) -> str:
    """The experiment's id; it is created if absent."""
    try:
        with client.quiet():
            experiment = client.create_experiment(target.experiment, namespace=target.namespace)
    except ValueError as error:
        if not str(error).startswith("Multiple experiments"):
            raise
        raise InputError(f"There are several experiments {target.experiment}.", "Name another one with --experiment.") from None
    return require_id(client, experiment.experiment_id)


def require_id(client: PipelinesClient, value: str | None) -> str:
    """Raises InputError for an answer without an id: another kind of server gave it."""
    if not value:
        raise not_pipelines(client.host)
    return value


def wait_for_run(
    client: PipelinesClient, run_id: str, steps: list[str], watch: Callable[[str, str], None], timeout_s: float | None = None
) -> dict[str, Any]:
    """The run's JSON when it has ended, or its current JSON after `timeout_s`; empty if the host has not answered by then.

    `watch(step, state)` is called for every change. kfp's own wait shows no steps, ends at the first failed request, and never ends for a
    run that was cancelled. Raises Unavailable when the host has not answered for PATIENCE_S.
    """
    started = answered = time.monotonic()
    states = dict.fromkeys(steps, PENDING)
    run: dict[str, Any] = {}
    terminated = False
    while True:
        try:
            remaining_s = None if timeout_s is None else max(started + timeout_s - time.monotonic(), LAST_REQUEST_S)
            run = client.read_run(run_id, remaining_s)
            answered = time.monotonic()
            terminated = terminated or is_terminated(run)
        except Unavailable:
            if time.monotonic() - answered > PATIENCE_S:
                raise
        for step, state in step_states(run, steps).items():
            if states[step] != state:
                states[step] = state
                watch(step, state.lower())
        left_s = POLL_S if timeout_s is None else min(POLL_S, started + timeout_s - time.monotonic())
        if left_s <= 0 or run_state(run) in END_STATES:
            # The final state need not show that somebody terminated the run.
            return {**run, "state_history": [{"state": CANCELING}]} if terminated else run
        time.sleep(left_s)
