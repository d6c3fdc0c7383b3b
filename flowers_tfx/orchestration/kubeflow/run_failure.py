"""Why a run did not succeed, if the cluster reports it, and otherwise where to look."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.kubeflow.entrypoint import REASON
from flowers_tfx.orchestration.kubeflow.run_state import (
    CANCELING,
    END_STATES,
    FAILED,
    Run,
    executor_pods,
    is_terminated,
    run_state,
    status_message,
    step_states,
)
from flowers_tfx.orchestration.kubeflow.transport import one_line

if TYPE_CHECKING:
    from flowers_tfx.orchestration.kubeflow.client import PipelinesClient

# Where a single-user installation runs its steps, by its own manifests.
DEFAULT_NAMESPACE = "kubeflow"


def failure_of(client: PipelinesClient, run_id: str, run: Run, steps: list[str], namespace: str) -> str:
    """One sentence on a run that did not succeed, and one that says where the log is if the reason is not known."""
    state = run_state(run)
    if state == CANCELING:
        return "The run is being terminated."
    if state not in END_STATES:
        return "The run has not ended yet; it goes on."
    if is_terminated(run):
        return f"The run was terminated, and ended as {state}."
    failed = [step for step, step_state in step_states(run, steps).items() if step_state == FAILED]
    where = f" in {', '.join(failed)}" if failed else ""
    reason = next((reason for step in failed if (reason := _reason(client, run_id, run, step))), "")
    hint = " The page of DataReview and `flowers review` show what to accept or reject." if "DataGate" in failed else ""
    if reason:
        return f"The run ended as {state}{where}: {reason}.{hint}"
    # No selector finds the pod of one step; the prefix names it in front of each line.
    logs = f"kubectl logs -n {namespace or DEFAULT_NAMESPACE} -l pipeline/runid={run_id} -c main --prefix --tail=30"
    return f"The run ended as {state}{where}. The step's log says why, on the run's page or by `{logs}`.{hint}"


def _reason(client: PipelinesClient, run_id: str, run: Run, step: str) -> str:
    """From the log of the step's last attempt, which Argo stores and the API returns; else the backend's own message."""
    pods = executor_pods(run, step)
    log = ""
    if pods:
        with contextlib.suppress(InputError):  # Argo may not store logs, or the token may not read them
            log = client.read_log(run_id, pods[-1])
    lines = [line.partition(REASON)[2] for line in log.splitlines() if REASON in line]
    return one_line(lines[-1] if lines else status_message(run, step))
