"""Runs on open-source Pipelines: bodies of requests, and waiting for the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.kubeflow.client import Client, Missing, Unavailable, quoted
from flowers_tfx.orchestration.kubeflow.package import Package

SUCCEEDED = "SUCCEEDED"
ENDED = frozenset({SUCCEEDED, "FAILED", "CANCELED", "SKIPPED"})
POLL_S = 10.0
# A server that restarts, or a port that is forwarded anew, must not end the wait for a run of hours.
PATIENCE_S = 300.0


@dataclass(frozen=True)
class RunTarget:
    """Where runs go. Empty: the cluster's own."""

    experiment: str
    namespace: str = ""
    service_account: str = ""


def parameters_of(package: Package, given: Mapping[str, str]) -> dict[str, str]:
    """Raises InputError for a parameter that the package does not have."""
    known = package.spec["root"].get("inputDefinitions", {}).get("parameters", {})
    for name in given:
        if name not in known:
            raise InputError(f"The package has no run parameter {name}.", f"It has {', '.join(sorted(known)) or 'none'}.")
    return dict(given)


def experiment_id(client: Client, target: RunTarget) -> str:
    """The experiment's id; it is made where there is none. Raises InputError where the namespace does not exist."""
    try:
        for found in client.every("experiments", "experiments", namespace=target.namespace):
            if found.get("display_name") == target.experiment:
                return str(found["experiment_id"])
        body = {"display_name": target.experiment, **({"namespace": target.namespace} if target.namespace else {})}
        return str(client.post("experiments", body)["experiment_id"])
    except Missing as error:
        if target.namespace:
            raise InputError(
                f"The namespace {target.namespace} is not there: {error.message}", "Name another one with --namespace."
            ) from None
        raise


def run_body(package: Package, name: str, experiment: str, target: RunTarget, parameters: Mapping[str, str]) -> dict[str, Any]:
    """A V2beta1Run. The platform document travels beside the spec."""
    spec = {"pipeline_spec": package.spec, "platform_spec": package.platform} if package.platform else package.spec
    body: dict[str, Any] = {
        "display_name": name,
        "experiment_id": experiment,
        "pipeline_spec": spec,
        "runtime_config": {"parameters": dict(parameters)},
    }
    return {**body, "service_account": target.service_account} if target.service_account else body


def submit(client: Client, package: Package, name: str, target: RunTarget, parameters: Mapping[str, str]) -> str:
    """The id of a new run."""
    given = parameters_of(package, parameters)
    run = client.post("runs", run_body(package, name, experiment_id(client, target), target, given))
    return str(run["run_id"])


def wait_for_run(client: Client, run_id: str, watch: Callable[[str, str], None], timeout_s: float | None = None) -> dict[str, Any]:
    """The run when it has ended, or as it is after `timeout_s`; `watch(task, state)` is told of every change.

    Raises Unavailable when the host has not answered for PATIENCE_S.
    """
    began = answered = time.monotonic()
    states: dict[str, str] = {}
    while True:
        try:
            run = client.get(f"runs/{quoted(run_id)}")
            answered = time.monotonic()
        except Unavailable:
            if time.monotonic() - answered > PATIENCE_S:
                raise
            run = {}
        for task, state in task_states(run).items():
            if states.get(task) != state:
                states[task] = state
                watch(task, state)
        late = timeout_s is not None and time.monotonic() - began > timeout_s
        if run.get("state") in ENDED or late:
            return run
        time.sleep(POLL_S)


def task_states(run: Mapping[str, Any]) -> dict[str, str]:
    """States of the steps by name; the drivers that the backend runs for itself are left out."""
    details = (run.get("run_details") or {}).get("task_details") or []
    named = {str(task.get("display_name", "")): str(task.get("state") or "PENDING") for task in details}
    return {name: state for name, state in named.items() if name and name != "root" and not name.endswith(("-driver", "executor"))}


def failure_of(run: Mapping[str, Any]) -> str:
    """Which step failed, and why, as far as the backend tells."""
    if run.get("state") not in ENDED:
        return "The run has not ended yet; it goes on."
    failed = [task for task in (run.get("run_details") or {}).get("task_details") or [] if task.get("state") == "FAILED"]
    names = sorted(name for name, state in task_states(run).items() if state == "FAILED")
    reasons = [str(task["error"].get("message", "")) for task in failed if task.get("error")] + [
        str((run.get("error") or {}).get("message", ""))
    ]
    reason = next((" ".join(text.split())[:300] for text in reasons if text), "")
    where = f" in {', '.join(names)}" if names else ""
    # The backend tells no exit code, so a review that stopped the run cannot be told from a step that broke.
    hint = " If the data review stopped it, the step's log says what to accept or reject." if "DataReview" in names else ""
    return f"The run ended as {run.get('state')}{where}{f': {reason}' if reason else ''}.{hint}"
