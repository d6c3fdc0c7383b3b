"""`flowers runs` and `flowers runs show`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowers_tfx.cli.command import CommandResult, with_config
from flowers_tfx.cli.root import flowers

if TYPE_CHECKING:
    from rich.table import Table

    from flowers_tfx.config import PipelineConfig
    from flowers_tfx.orchestration.run_history import PastRun


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
