"""The states of a run's steps in the API's answer. Pure functions on its JSON, in both of its shapes: `run_details.task_details` lists all
of Argo's nodes; a server without ML Metadata lists its own tasks as `tasks`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

SUCCEEDED, FAILED, CANCELING = "SUCCEEDED", "FAILED", "CANCELING"
CACHED, PENDING, NOT_REACHED = "CACHED", "PENDING", "NOT REACHED"
END_STATES = frozenset({SUCCEEDED, FAILED, "CANCELED", "SKIPPED"})
# How many retries of a node are searched; `kubeflow.retries` is at most 10.
_MAX_ATTEMPTS = 12
_ATTEMPTS = tuple(f"({number})" for number in range(_MAX_ATTEMPTS))

Run = Mapping[str, Any]


def run_state(run: Run) -> str:
    return str(run.get("state") or PENDING)


def is_terminated(run: Run) -> bool:
    """Whether somebody stopped the run: it is CANCELING, then FAILED."""
    return any(entry.get("state") == CANCELING for entry in (run, *(run.get("state_history") or [])))


def step_states(run: Run, steps: Collection[str]) -> dict[str, str]:
    """The state of each of these steps. CACHED: its outputs were taken from an earlier run. NOT REACHED: the run ended before it."""
    rows = {name: row for row in _rows(run) for name in (row.get("display_name"), row.get("name")) if name in steps}
    waiting = NOT_REACHED if run_state(run) in END_STATES else PENDING
    states = {}
    for step in steps:
        state = str(rows.get(step, {}).get("state") or "")
        if state in ("", PENDING, "RUNTIME_STATE_UNSPECIFIED"):
            state = waiting
        states[step] = CACHED if state == SUCCEEDED and executor_pods(run, step) == [] else state
    return states


def status_message(run: Run, step: str) -> str:
    """What the backend itself gives as the reason for a step's state; empty for servers that give none."""
    rows = [row for row in _rows(run) if step in (row.get("display_name"), row.get("name"))]
    messages = [(row.get(key) or {}).get("message") for row in rows for key in ("status_metadata", "error")]
    return next((str(message) for message in messages if message), "")


def executor_pods(run: Run, step: str) -> list[str] | None:
    """Argo's ids of the pods that ran a step's container, one for each attempt. Empty: a cache hit, no pod ran. None: unknown.

    The API does not give the id of a node, only those of its children. An id is the hash of the node's full name, so a guessed name is
    confirmed by an id among the children.
    """
    rows = _rows(run)
    ids = {str(child["pod_name"]) for row in rows for child in row.get("child_tasks") or [] if child.get("pod_name")}
    workflow = next(iter(sorted(ids)), "").rpartition("-")[0]

    def existing(*names: str) -> list[str]:
        return [name for name in names if _node_id(workflow, name) in ids]

    # The manifests of 2.17 give each node a retry strategy: its attempts, X(0), are nodes between it and its children.
    attempts = ("", *_ATTEMPTS)
    tasks = existing(*(f"{workflow}{outer}.root{inner}.{step}" for outer in attempts for inner in attempts))
    executors = existing(*(f"{task}{attempt}.executor" for task in tasks for attempt in attempts))
    if not executors:
        return None
    pods = existing(*(f"{executor}{attempt}" for executor in executors for attempt in _ATTEMPTS))
    if not pods:
        executor_states = {row.get("state") for row in rows if row.get("display_name") == "executor"}
        if "SKIPPED" not in executor_states:
            pods = executors
        elif not any(row.get("display_name") in {f"executor{attempt}" for attempt in _ATTEMPTS} for row in rows):
            return None  # without attempts, a pod and a hit look alike
    return [_node_id(workflow, pod) for pod in pods]


def _rows(run: Run) -> list[dict[str, Any]]:
    return [*((run.get("run_details") or {}).get("task_details") or []), *(run.get("tasks") or [])]


def _node_id(workflow: str, name: str) -> str:
    """As Argo makes it: FNV-1a, 32 bits."""
    value = 0x811C9DC5
    for byte in name.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return f"{workflow}-{value}"
