"""Recurring runs on open-source Pipelines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.kubeflow.connection import Connection, check_namespace
from flowers_tfx.orchestration.kubeflow.cron import SIX_FIELDS, check_cron
from flowers_tfx.orchestration.kubeflow.lint import read_clean_package
from flowers_tfx.orchestration.kubeflow.runs import check_parameters, experiment_id, require_id, warn_of_half_made

if TYPE_CHECKING:
    from flowers_tfx.orchestration.kubeflow.client import PipelinesClient

PAGE_SIZE = 100


def create_schedule(
    connection: Connection,
    path: Path,
    name: str | None,
    parameters: Mapping[str, str],
    cron: str | None,
    interval_s: int | None,
    max_concurrency: int,
) -> dict[str, Any]:
    """Starts runs at the times of a cron expression, or one each `interval_s`.

    Runs missed in a pause are not made up for, but for one that starts when the schedule is resumed.

    Raises InputError when there is a schedule of this name: two would start every run twice.
    """
    cron = _check_trigger(cron, interval_s)
    package = read_clean_package(path)
    check_parameters(package, parameters)
    name = name or package.name
    connection.check_names("schedule", name)
    client, target = connection.client(), connection.target()
    check_namespace(client, target.namespace)
    same = next((schedule for schedule in _schedules(client, target.namespace) if schedule["name"] == name), None)
    if same:
        raise InputError(f"There is a schedule {name} already, {same['id']}.", "Delete it first, or give another --name.")
    experiment = experiment_id(client, target)
    with package.file() as spec_path, warn_of_half_made("scheduledworkflows"), client.quiet():
        schedule = client.create_recurring_run(
            experiment,  # its namespace is the schedule's
            name,
            pipeline_package_path=spec_path,
            params=dict(parameters),
            cron_expression=cron,
            interval_second=None if interval_s is None else str(interval_s),  # int64 is a string in the JSON of protos
            max_concurrency=str(max_concurrency),
            no_catchup=True,
            service_account=target.service_account or None,
        )
    schedule_id = require_id(client, schedule.recurring_run_id)
    return {"id": schedule_id, "name": name, "cron": cron, "interval_s": interval_s, "status": "active", "max_concurrency": max_concurrency}


def list_schedules(connection: Connection) -> list[dict[str, Any]]:
    """The schedules of the connection's namespace."""
    client, namespace = connection.client(), connection.target().namespace
    check_namespace(client, namespace)
    return list(_schedules(client, namespace))


def change_schedule(connection: Connection, schedule_id: str, action: str) -> None:
    """`action` is pause, resume or delete."""
    client = connection.client()
    actions = {"pause": client.disable_recurring_run, "resume": client.enable_recurring_run, "delete": client.delete_recurring_run}
    with client.quiet():
        actions[action](schedule_id)


def _check_trigger(cron: str | None, interval_s: int | None) -> str | None:
    """The cron expression, if any. Raises InputError unless exactly one of both is given, and valid."""
    if (cron is None) == (interval_s is None):
        raise InputError("A schedule has either --cron or --interval.", SIX_FIELDS)
    if interval_s is not None and interval_s < 2:
        raise InputError(f"The interval {interval_s} s would start a run every second.", "Give seconds from 2.")
    return None if cron is None else check_cron(cron)


def _schedules(client: PipelinesClient, namespace: str) -> Iterator[dict[str, Any]]:
    page_token = ""
    while True:
        with client.quiet():
            page = client.list_recurring_runs(page_token, PAGE_SIZE, namespace=namespace)
        yield from map(_schedule, page.recurring_runs or [])
        page_token = page.next_page_token or ""
        if not page_token:
            return


def _schedule(recurring_run: Any) -> dict[str, Any]:
    trigger = recurring_run.trigger
    cron, periodic = (trigger.cron_schedule, trigger.periodic_schedule) if trigger else (None, None)
    status = str(recurring_run.status or "")
    return {
        "id": recurring_run.recurring_run_id or "",
        "name": recurring_run.display_name or "",
        "cron": cron.cron if cron else None,
        "interval_s": int(periodic.interval_second) if periodic and periodic.interval_second else None,
        "status": {"ENABLED": "active", "DISABLED": "paused"}.get(status, status),
        "max_concurrency": int(recurring_run.max_concurrency or 0),
    }
