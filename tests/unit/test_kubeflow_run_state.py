"""What is read out of a run's JSON where it says less than it could. Whole runs: tests/unit/test_kubeflow_runs.py."""

from __future__ import annotations

from typing import Any

from flowers_tfx.orchestration.kubeflow.run_state import _node_id, executor_pods, is_terminated, run_state, status_message, step_states


def nodes(*rows: dict[str, Any], state: str = "RUNNING") -> dict[str, Any]:
    return {"state": state, "run_details": {"task_details": list(rows)}}


def test_a_task_without_a_state_was_not_reached_once_the_run_has_ended() -> None:
    rows = [{"display_name": "A", "state": "SUCCEEDED"}, {"display_name": "B"}, {"display_name": "C", "state": "PENDING"}]
    assert step_states(nodes(*rows), ["A", "B", "C", "D"]) == {"A": "SUCCEEDED", "B": "PENDING", "C": "PENDING", "D": "PENDING"}
    ended = step_states(nodes(*rows, state="FAILED"), ["B", "C", "D"])
    assert ended == dict.fromkeys("BCD", "NOT REACHED")


def test_a_run_without_any_details_is_pending() -> None:
    for run in ({}, {"run_details": None}, {"tasks": None}, {"run_details": {"task_details": None}}):
        assert (run_state(run), step_states(run, ["A"])) == ("PENDING", {"A": "PENDING"})


def test_nodes_whose_names_cannot_be_guessed_are_not_hits() -> None:
    children = [{"pod_name": "flowers-j8trd-1"}, {"task_id": "t"}]
    run = nodes({"display_name": "A", "state": "SUCCEEDED", "child_tasks": children}, {"display_name": "executor", "state": "SKIPPED"})
    assert executor_pods(run, "A") is None
    assert step_states(run, ["A"]) == {"A": "SUCCEEDED"}


def test_the_ids_of_nodes_are_argos() -> None:
    """The workflow's name and the FNV-1a hash of the node's name, by the published values of `a` and `foobar`."""
    assert (_node_id("w", "a"), _node_id("w", "foobar")) == (f"w-{0xE40C292C}", f"w-{0xBF9CF968}")


def test_a_run_that_was_stopped_says_so_in_its_history() -> None:
    assert is_terminated({"state": "FAILED", "state_history": [{"state": "RUNNING"}, {"state": "CANCELING"}, {"state": "FAILED"}]})
    assert not is_terminated({"state": "FAILED", "state_history": [{"state": "RUNNING"}, {"state": "FAILED"}]})
    assert not is_terminated({"state": "FAILED"})


def test_the_reason_of_a_backend_that_gives_one() -> None:
    run = {"tasks": [{"name": "A", "state": "FAILED", "status_metadata": {"message": "the pod was evicted"}}, {"name": "B", "error": None}]}
    assert (status_message(run, "A"), status_message(run, "B")) == ("the pod was evicted", "")
