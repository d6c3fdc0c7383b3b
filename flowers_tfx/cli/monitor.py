"""`flowers monitor`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowers_tfx.cli.command import CommandResult, json_wanted, print_json, setting_option, with_config
from flowers_tfx.cli.root import flowers
from flowers_tfx.errors import ExitCode, InputError

if TYPE_CHECKING:
    from flowers_tfx.config import PipelineConfig
    from flowers_tfx.monitoring.monitor import MonitorRequest


@flowers.command()
@click.option("--hours", type=click.FloatRange(0, min_open=True), help="The answers of so many hours; the key monitor.hours.")
@click.option("--last", type=click.IntRange(1), metavar="N", help="The last N answers instead.")
@click.option("--version", type=click.IntRange(1), help="Only what this version answered; default: each version apart.")
@click.option("--client", metavar="TAG", help="Only what this client sent.")
@click.option("--html", type=click.Path(path_type=Path), help="Copies the report to this file.")
@click.option("--watch", is_flag=True, help="Reviews again and again, until it is stopped.")
@setting_option(
    "--every", "monitor.every", metavar="SCHEDULE", help="With --watch: 30m, 1h, 1d or cron's five fields, UTC; the key monitor.every."
)
@with_config
def monitor(
    config: PipelineConfig, hours: float | None, last: int | None, version: int | None, client: str | None, html: Path | None, watch: bool
) -> CommandResult:
    """Reviews what `flowers serve` recorded against the photos that the version that answered was trained on. Exit code 0: pass or warn, 3:
    blocked, 2: no answers, or too few."""
    from flowers_tfx.monitoring.monitor import MonitorRequest
    from flowers_tfx.orchestration.settings import pipeline_schema, review_policy

    if hours is not None and last is not None:
        raise click.UsageError("Give either --hours or --last.", click.get_current_context())
    policy = review_policy(config, pipeline_schema(config).proto)
    request = MonitorRequest(config, policy, hours, last, version, client)
    if watch:
        if html is not None:
            raise InputError("--html is for a single review.", f"With --watch the reports are in {request.folder}.")
        return _watch(request)
    return _review_once(request, html)


def _review_once(request: MonitorRequest, html: Path | None) -> CommandResult:
    from flowers_tfx import storage
    from flowers_tfx.monitoring.monitor import monitor as review_answers
    from flowers_tfx.monitoring.watching import only_monitor
    from flowers_tfx.review.pages import write_page

    if html is not None:
        storage.check_target(html, "--html")
    with only_monitor(request):
        outcome = review_answers(request)
    first = outcome.reviews[0]
    if html is not None:
        write_page(html, first.report.read_text(encoding="utf-8"), "--html")
    value = outcome.as_json()
    lines = [line for one in (value, *value["others"]) for line in _lines(one)]
    code = ExitCode.BLOCKED if first.verdict == "blocked" else ExitCode.DONE
    return CommandResult(value, lines, outcome.left_out, exit_code=code)


def _lines(review: Mapping[str, Any]) -> list[str]:
    from flowers_tfx.cli.review import review_lines
    from flowers_tfx.review.power_words import promise_sentence

    served = review["served"]
    photos = f"{served['different_photos']} different photos, {100 * served['unknown']['value']:.1f} % unknown"
    asked = f"version {served['version']}: {served['answers']} answers, {photos}"
    return [*review_lines(review), f"  {asked}", f"  {promise_sentence(review['sequential'])}", f"report: {review['report']}"]


def _watch(request: MonitorRequest) -> CommandResult:
    from flowers_tfx.monitoring.schedule import parse_schedule
    from flowers_tfx.monitoring.watching import watch

    schedule = parse_schedule(request.config.monitor.every)
    emit, close = _make_emitter(request.config)
    try:
        watch(request, schedule, emit)
    finally:
        close()
    return CommandResult(None, printed=True)


def _make_emitter(config: PipelineConfig) -> tuple[Callable[[Mapping[str, Any]], None], Callable[[], None]]:
    """What gets the events, and how it is closed: the terminal, and the webhook if there is one."""
    from flowers_tfx.webhook import Webhook, WebhookTarget, read_secret

    as_json = json_wanted()
    secret = read_secret(config.monitor.webhook_secret_file, "monitor.webhook_secret_file")
    webhook = Webhook(WebhookTarget(config.monitor.webhook, secret)) if config.monitor.webhook else None

    def emit(event: Mapping[str, Any]) -> None:
        if as_json:
            print_json(event)
        else:
            click.echo(_event_line(event))
        sys.stdout.flush()
        # Who was told of drift need not be told again each hour; the log has every review.
        if webhook and event.get("changed"):
            webhook.send(event)

    return emit, webhook.close if webhook else lambda: None


def _event_line(event: Mapping[str, Any]) -> str:
    from flowers_tfx.data.delivery import visible

    time = datetime.fromisoformat(event["time"]).astimezone(timezone.utc).strftime("%H:%M:%S")
    if event["event"] != "reviewed":
        return visible(f"{time} {event['event']}: {' '.join(filter(None, (event['error'], event['hint'])))}")
    first = f" {event['findings'][0]['message']}" if event["findings"] else ""
    return visible(f"{time} version {event['version']}: {event['verdict']}, {event['photos']} photos.{first} {event['report']}")
