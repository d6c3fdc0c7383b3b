"""`flowers kubeflow ...`: parsing, and handing over."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowers_tfx.cli.options import config_options, json_option, put
from flowers_tfx.errors import EXIT_BAD_INPUT, EXIT_DONE, EXIT_FAILED, InputError

if TYPE_CHECKING:
    from flowers_tfx.orchestration.kubeflow.connection import Connection


@click.group()
def kubeflow() -> None:
    """Compiles the pipeline for Kubeflow, checks packages, submits and schedules runs."""


@kubeflow.command("compile")
@click.option("--target", type=click.Choice(["kfp", "vertex"]), required=True, help="Open-source Pipelines (YAML) or Vertex AI (JSON).")
@click.option("--image", required=True, metavar="NAME@sha256:DIGEST", help="The image of every step, by its digest.")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The package to write.")
@click.option("-v", "--verbose", is_flag=True, help="Shows the logs of TensorFlow and TFX.")
@config_options
@json_option
def compile_(
    target: Any, image: str, out: Path, verbose: bool, config_path: Path | None, overrides: tuple[str, ...], as_json: bool
) -> None:
    """Compiles the pipeline. It needs no network, no bucket and no cluster; the same configuration gives the same bytes."""
    from flowers_tfx.cli.kubeflow_compile import compile_pipeline
    from flowers_tfx.config import load_config

    value = compile_pipeline(load_config(config_path, overrides), target, image, out, verbose)
    put(value, as_json, *(f"warning: {text}" for text in value["warnings"]), f"{len(value['steps'])} steps for {target}: {out}")


@kubeflow.command()
@click.argument("package", metavar="FILE", type=click.Path(path_type=Path))
@json_option
def lint(package: Path, as_json: bool) -> int:
    """Says what a backend would refuse in a compiled package. Exit code 2: there is such a thing."""
    from flowers_tfx.cli.kubeflow_compile import lint_package

    value = lint_package(package)
    lines = [f"{problem['level']}: {problem['where']}: {problem['message']}" for problem in value["problems"]]
    put(value, as_json, *lines, f"{package}: {value['errors']} errors, {value['warnings']} warnings")
    return EXIT_BAD_INPUT if value["errors"] else EXIT_DONE


def _connected(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say how to reach a cluster; the command gets them, and those of _run_options, as its `where`."""

    @functools.wraps(command)
    def call(
        host: str,
        token_file: Path | None,
        namespace: str | None,
        config_path: Path | None,
        overrides: tuple[str, ...],
        experiment: str = "",
        service_account: str | None = None,
        **rest: Any,
    ) -> Any:
        from flowers_tfx.config import load_config
        from flowers_tfx.orchestration.kubeflow.connection import Connection

        config = load_config(config_path, overrides)
        return command(where=Connection(config, host, token_file, namespace, experiment, service_account), **rest)

    decorated = config_options(call)
    decorated = click.option("--namespace", help="Default: kubeflow.namespace of the configuration.")(decorated)
    decorated = click.option(
        "--token-file", type=click.Path(path_type=Path), help="File with the bearer token; default: FLOWERS_KUBEFLOW_TOKEN, else none."
    )(decorated)
    return click.option("--host", required=True, metavar="URL", help="Address of the Pipelines API, such as http://localhost:8888.")(
        decorated
    )


def _pairs(parameters: Iterable[str]) -> dict[str, str]:
    pairs = {}
    for parameter in parameters:
        name, equals, value = parameter.partition("=")
        if not equals or not name:
            raise InputError(f"--param {parameter!r} has no value.", "Write it as NAME=VALUE.")
        pairs[name] = value
    return pairs


def _run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--service-account", help="Default: kubeflow.service_account of the configuration.")(command)
    command = click.option("--param", "parameters", multiple=True, metavar="NAME=VALUE", help="A run parameter; can be repeated.")(command)
    return click.option("--experiment", default="flowers", show_default=True, help="Made where there is none.")(command)


@kubeflow.command()
@click.argument("package", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--name", help="Name of the run; default: that of the pipeline, and the time.")
@click.option("--wait", is_flag=True, help="Waits for the end and shows each step. Exit code 1: the run failed.")
@click.option("--timeout", "timeout_s", type=click.FloatRange(min=1), metavar="SECONDS", help="Waits no longer; the run goes on.")
@_run_options
@_connected
@json_option
def submit(
    where: Connection,
    package: Path,
    name: str | None,
    wait: bool,
    timeout_s: float | None,
    parameters: tuple[str, ...],
    as_json: bool,
) -> int:
    """Starts a run of a compiled package on open-source Pipelines."""
    from flowers_tfx.orchestration.kubeflow.runs import submit_run

    value = submit_run(
        where, package, name, _pairs(parameters), wait, timeout_s, lambda task, state: click.echo(f"{task}: {state}", err=True)
    )
    put(value, as_json, f"run {value['run_id']}: {value['state'].lower()}", *([value["error"]] if value["error"] else []))
    return EXIT_FAILED if value["error"] else EXIT_DONE


@kubeflow.group()
def schedule() -> None:
    """Recurring runs: create, list, pause, resume, delete."""


@schedule.command()
@click.argument("package", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--name", help="Name of the schedule; default: that of the pipeline.")
@click.option("--cron", metavar="EXPRESSION", help="Six fields, seconds first: `0 30 2 * * *` is every day at 02:30:00, UTC.")
@click.option("--interval", "interval_s", type=click.IntRange(min=1), metavar="SECONDS", help="Instead of --cron.")
@click.option("--max-concurrency", default=1, show_default=True, type=click.IntRange(1, 10), help="Runs at a time.")
@_run_options
@_connected
@json_option
def create(
    where: Connection,
    package: Path,
    name: str | None,
    cron: str | None,
    interval_s: int | None,
    max_concurrency: int,
    parameters: tuple[str, ...],
    as_json: bool,
) -> None:
    """Runs a compiled package again and again. What was missed in a pause is not made up for."""
    from flowers_tfx.orchestration.kubeflow.schedules import create_schedule

    value = create_schedule(where, package, name, _pairs(parameters), cron, interval_s, max_concurrency)
    put(value, as_json, f"schedule {value['id']}: {value['name']}, {value['cron'] or str(value['interval_s']) + ' s'}")


@schedule.command("list")
@_connected
@json_option
def list_(where: Connection, as_json: bool) -> None:
    """Lists the schedules of a namespace."""
    from flowers_tfx.orchestration.kubeflow.schedules import list_schedules

    rows = list_schedules(where)
    lines = [f"{row['id']}  {row['status']:7}  {row['cron'] or str(row['interval_s']) + ' s'}  {row['name']}" for row in rows]
    put(rows, as_json, *(lines or ["no schedules"]))


def _change(what: str, told: str, explained: str) -> None:
    @schedule.command(what, help=explained)
    @click.argument("schedule_id", metavar="ID")
    @_connected
    @json_option
    def change(where: Connection, schedule_id: str, as_json: bool) -> None:
        from flowers_tfx.orchestration.kubeflow.schedules import change_schedule

        change_schedule(where, schedule_id, what)
        put({"id": schedule_id, "status": told}, as_json, f"schedule {schedule_id}: {told}")


_change("pause", "paused", "Starts no more runs until it is resumed.")
_change("resume", "active", "Starts runs again; those that were missed are not made up for.")
_change("delete", "deleted", "Deletes a schedule; its runs stay.")
