"""`flowers runs`, `flowers runs show` and `flowers runs why`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowers_tfx.cli.command import CommandResult, with_config
from flowers_tfx.cli.root import flowers

if TYPE_CHECKING:
    from rich.table import Table

    from flowers_tfx.config import PipelineConfig
    from flowers_tfx.orchestration.run_history import PastRun
    from flowers_tfx.orchestration.run_reasons import Explanation


_REASONS = {
    "input": "the input {reason.name} changed: {before} -> {after}",
    "property": "the setting {reason.name} changed: {before} -> {after}",
    "code": "the code changed: {reason.name}",
    "age": "earlier results are too old ({reason.name}): {before} -> {after}",
    "forced": "it was not to be taken from the cache ({reason.name})",
    "missing": "its output {reason.name} is gone: {before}",
    "first": "{reason.name} ran for the first time.",
}


@flowers.group(invoke_without_command=True)
@with_config
def runs(config: PipelineConfig) -> CommandResult:
    """Lists the runs that ML Metadata has recorded, newest first."""
    from flowers_tfx.orchestration.run_history import past_runs

    history = past_runs(config)
    return CommandResult([run.as_json() for run in history], [_runs_table(history)])


@runs.command()
@click.argument("run_id")
@with_config
def show(config: PipelineConfig, run_id: str) -> CommandResult:
    """Shows a run's nodes with their states, times and artifacts. RUN_ID can be `latest`."""
    from flowers_tfx.orchestration.run_history import past_run

    run = past_run(config, run_id)
    report = [f"review: {run.report}"] if run.report else []
    return CommandResult(run.as_json(details=True), [_nodes_table(run), *report])


@runs.command()
@click.argument("node")
@click.option("--run", "run_id", default="latest", show_default=True, metavar="RUN_ID", help="Explains this run.")
@with_config
def why(config: PipelineConfig, node: str, run_id: str) -> CommandResult:
    """Says why a node ran or was taken from the cache: what differs from the earlier run that is most similar."""
    from flowers_tfx.orchestration.node_explanation import explain_node

    explanation = explain_node(config, node, run_id)
    return CommandResult(explanation.as_json(), list(explanation_lines(explanation)))


def explanation_lines(explanation: Explanation) -> Iterator[str]:
    if explanation.state == "cached":
        yield f"{explanation.node}: nothing changed, so its result is that of run {explanation.compared_with}."
        return
    if explanation.compared_with:
        yield f"{explanation.node} ran. Compared with run {explanation.compared_with}:"
    for reason in explanation.reasons:
        yield _REASONS[reason.kind].format(reason=reason, before=_shown(reason.before), after=_shown(reason.after))
    if not explanation.reasons:
        yield "nothing changed that ML Metadata records."


def _shown(value: Any) -> str:
    return "nothing" if value is None else value if isinstance(value, str) else json.dumps(value)


def _runs_table(history: Sequence[PastRun]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=f"{len(history)} runs", title_justify="left")
    for heading in ("Run", "Pipeline", "Status", "Nodes", "Time", "Version", "Review"):
        table.add_column(heading, no_wrap=heading in ("Run", "Version"))
    for run in history:
        table.add_row(
            run.record.run_id,
            escape(run.record.pipeline),
            run.status,
            f"{len(run.record.nodes)} ({run.cached_nodes} cached)",
            f"{run.record.seconds:.1f} s",
            Path(run.pushed_model or "-").name,
            escape(run.report or "-"),
        )
    return table


def _nodes_table(run: PastRun) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=f"Run {run.record.run_id} of {escape(run.record.pipeline)}: {run.status}", title_justify="left")
    for heading in ("Node", "State", "Started (UTC)", "Time", "Artifacts"):
        table.add_column(heading, overflow="fold")
    for node in run.record.nodes.values():
        artifacts = "\n".join(f"{artifact.key}: {artifact.uri}" for artifact in node.outputs)
        table.add_row(node.node_id, node.state, f"{node.started:%Y-%m-%d %H:%M:%S}", f"{node.seconds:.1f} s", escape(artifacts))
    return table
