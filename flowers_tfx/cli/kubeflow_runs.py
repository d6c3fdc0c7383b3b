"""`flowers kubeflow submit` and `schedule`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowers_tfx.cli.command import CommandResult, with_config
from flowers_tfx.cli.kubeflow import kubeflow
from flowers_tfx.errors import ExitCode, InputError
from flowers_tfx.progress import notify

if TYPE_CHECKING:
    from flowers_tfx.config import PipelineConfig
    from flowers_tfx.orchestration.kubeflow.connection import Connection


def with_connection(command: Callable[..., CommandResult]) -> Callable[..., CommandResult]:
    """Adds the options of a connection to a cluster; the command gets it, with the values of `run_options`, as `connection`."""

    @click.option("--host", required=True, metavar="URL", help="Address of the Pipelines API, such as http://localhost:8888.")
    @click.option(
        "--token-file", type=click.Path(path_type=Path), help="File with the bearer token; default: FLOWERS_KUBEFLOW_TOKEN, else none."
    )
    @click.option("--namespace", help="Of a multi-user installation. Default: kubeflow.namespace of the configuration.")
    @with_config
    @functools.wraps(command)
    def call(
        config: PipelineConfig,
        host: str,
        token_file: Path | None,
        namespace: str | None,
        experiment: str = "",
        service_account: str | None = None,
        **options: Any,
    ) -> CommandResult:
        from flowers_tfx.orchestration.kubeflow.connection import Connection

        return command(connection=Connection(config, host, token_file, namespace, experiment, service_account), **options)

    return call


def run_options(command: Callable[..., CommandResult]) -> Callable[..., CommandResult]:
    """Adds the options of a run besides its package; the command gets the parameters."""
    command = click.option("--service-account", help="Default: kubeflow.service_account of the configuration.")(command)
    command = click.option(
        "--param", "parameters", multiple=True, metavar="NAME=VALUE", callback=_pairs, help="A run parameter; can be repeated."
    )(command)
    return click.option("--experiment", default="flowers", show_default=True, help="Created if it does not exist.")(command)


def _pairs(_context: click.Context, _option: click.Parameter, values: Iterable[str]) -> dict[str, str]:
    pairs = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals or not name:
            raise InputError(f"--param {value!r} has no value.", "Write it as NAME=VALUE.")
        pairs[name] = text
    return pairs


@kubeflow.command()
@click.argument("package", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--name", help="Name of the run; default: that of the pipeline, and the time.")
@click.option("--wait", is_flag=True, help="Waits for the end and shows each step. Exit code 1: the run failed.")
@click.option("--timeout", "timeout_s", type=click.FloatRange(min=1), metavar="SECONDS", help="Waits no longer; the run continues.")
@run_options
@with_connection
def submit(
    connection: Connection, package: Path, name: str | None, wait: bool, timeout_s: float | None, parameters: Mapping[str, str]
) -> CommandResult:
    """Starts a run of a compiled package on open-source Pipelines."""
    from flowers_tfx.orchestration.kubeflow.runs import submit_run

    value = submit_run(connection, package, name, parameters, wait, timeout_s, lambda task, state: notify(f"{task}: {state}"))
    lines = [f"run {value['run_id']}: {value['state'].lower()}", *([value["error"]] if value["error"] else [])]
    return CommandResult(value, lines, exit_code=ExitCode.FAILED if value["error"] else ExitCode.DONE)


@kubeflow.group()
def schedule() -> None:
    """Recurring runs: create, list, pause, resume, delete."""


@schedule.command()
@click.argument("package", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--name", help="Name of the schedule; default: that of the pipeline.")
@click.option("--cron", metavar="EXPRESSION", help="Six fields, seconds first: `0 30 2 * * *` is every day at 02:30:00, UTC.")
@click.option("--interval", "interval_s", type=click.IntRange(min=1), metavar="SECONDS", help="Instead of --cron.")
@click.option("--max-concurrency", default=1, show_default=True, type=click.IntRange(1, 10), help="Runs at a time.")
@run_options
@with_connection
def create(
    connection: Connection,
    package: Path,
    name: str | None,
    cron: str | None,
    interval_s: int | None,
    max_concurrency: int,
    parameters: Mapping[str, str],
) -> CommandResult:
    """Runs a compiled package again and again."""
    from flowers_tfx.orchestration.kubeflow.schedules import create_schedule

    value = create_schedule(connection, package, name, parameters, cron, interval_s, max_concurrency)
    return CommandResult(value, [f"schedule {value['id']}: {value['name']}, {_trigger(value)}"])


@schedule.command("list")
@with_connection
def list_(connection: Connection) -> CommandResult:
    """Lists the schedules of a namespace."""
    from flowers_tfx.orchestration.kubeflow.schedules import list_schedules

    rows = list_schedules(connection)
    lines = [f"{row['id']}  {row['status']:7}  {_trigger(row)}  {row['name']}" for row in rows]
    return CommandResult(rows, lines or ["no schedules"])


@schedule.command()
@click.argument("schedule_id", metavar="ID")
@with_connection
def pause(connection: Connection, schedule_id: str) -> CommandResult:
    """Starts no more runs until the schedule is resumed."""
    return _change(connection, schedule_id, "pause", "paused")


@schedule.command()
@click.argument("schedule_id", metavar="ID")
@with_connection
def resume(connection: Connection, schedule_id: str) -> CommandResult:
    """Starts runs again, the first one at once. Others that were due during the pause are not made up for."""
    return _change(connection, schedule_id, "resume", "active")


@schedule.command()
@click.argument("schedule_id", metavar="ID")
@with_connection
def delete(connection: Connection, schedule_id: str) -> CommandResult:
    """Deletes a schedule; its runs stay."""
    return _change(connection, schedule_id, "delete", "deleted")


def _change(connection: Connection, schedule_id: str, action: str, status: str) -> CommandResult:
    from flowers_tfx.orchestration.kubeflow.schedules import change_schedule

    change_schedule(connection, schedule_id, action)
    return CommandResult({"id": schedule_id, "status": status}, [f"schedule {schedule_id}: {status}"])


def _trigger(row: Mapping[str, Any]) -> str:
    return row["cron"] or f"{row['interval_s']} s"
