"""`flowers watch`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowers_tfx.cli.command import CommandResult, given_options, json_wanted, print_json, with_config
from flowers_tfx.cli.root import flowers
from flowers_tfx.errors import ExitCode, InputError

if TYPE_CHECKING:
    from flowers_tfx.config import PipelineConfig
    from flowers_tfx.deliveries.runs import Runs
    from flowers_tfx.deliveries.session import Event


@flowers.command()
@click.argument("source", metavar="DIR|URI")
@click.option("--once", is_flag=True, help="Handles what is there, and exits with the code of the run.")
@click.option("--runner", type=click.Choice(["local", "beam"]), default="local", show_default=True)
@click.option("--submit", "host", metavar="HOST", help="Runs a compiled package on the Pipelines API at this address, not on this machine.")
@click.option("--package", type=click.Path(path_type=Path), help="The package for --submit.")
@click.option("--token-file", type=click.Path(path_type=Path), help="As for `flowers kubeflow submit`, as the next three.")
@click.option("--namespace")
@click.option("--experiment", default="flowers", show_default=True)
@click.option("--service-account")
@with_config
def watch(config: PipelineConfig, source: str, once: bool, runner: str, host: str | None, **kubeflow: Any) -> CommandResult:
    """Waits for new photos in DIR, which has a folder per class, or for CSV files there; ingests them and runs the pipeline."""
    from flowers_tfx.deliveries.delivery_options import delivery_options
    from flowers_tfx.deliveries.watching import WatchRequest
    from flowers_tfx.deliveries.watching import watch as run_watcher
    from flowers_tfx.orchestration.roots import log_folder

    options = [*given_options(), *delivery_options(config)]
    jobs = log_folder(config) / "watch"
    runs = _make_runs(config, runner, host, options, jobs, **kubeflow)
    emit, close = _make_emitter(config)
    try:
        code = run_watcher(WatchRequest(config, source, runs, options, jobs, once), emit)
    finally:
        close()
    return CommandResult(None, exit_code=ExitCode(code), printed=True)


def _make_runs(
    config: PipelineConfig,
    runner: str,
    host: str | None,
    options: list[str],
    jobs: Path,
    package: Path | None,
    token_file: Path | None,
    namespace: str | None,
    experiment: str,
    service_account: str | None,
) -> Runs:
    if host is None:
        from flowers_tfx.deliveries.runs import LocalRuns
        from flowers_tfx.orchestration.roots import check_root

        if package is not None:
            raise InputError("--package is for --submit.", "Name the host with --submit HOST, or leave --package out.")
        check_root(config)
        return LocalRuns(["--runner", runner, *options], config.pipeline_root, jobs)
    if package is None:
        raise InputError("--submit needs a compiled package.", "Name it with --package FILE; `flowers kubeflow compile` makes it.")
    from flowers_tfx.deliveries.kubeflow_runs import KubeflowRuns
    from flowers_tfx.orchestration.kubeflow.connection import Connection

    return KubeflowRuns(Connection(config, host, token_file, namespace, experiment, service_account), package)


def _make_emitter(config: PipelineConfig) -> tuple[Callable[[Event], None], Callable[[], None]]:
    """What gets the events, and how it is closed: the terminal, and the webhook if there is one."""
    from flowers_tfx.deliveries.event_lines import event_line
    from flowers_tfx.deliveries.session import WEBHOOK_EVENTS
    from flowers_tfx.webhook import Webhook, WebhookTarget, read_secret

    as_json = json_wanted()
    secret = read_secret(config.watch.webhook_secret_file, "watch.webhook_secret_file")
    webhook = Webhook(WebhookTarget(config.watch.webhook, secret)) if config.watch.webhook else None

    def emit(event: Event) -> None:
        if as_json:
            print_json(event)
        else:
            click.echo(event_line(event))
        sys.stdout.flush()
        # An attempt that is repeated is not worth a message.
        if webhook and event["event"] in WEBHOOK_EVENTS and event.get("retry_in_s") is None:
            webhook.send(event)

    return emit, webhook.close if webhook else lambda: None
