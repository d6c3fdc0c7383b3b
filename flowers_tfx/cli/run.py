"""`flowers run`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowers_tfx.cli.command import CommandResult, config_options, with_config
from flowers_tfx.cli.root import flowers
from flowers_tfx.errors import ExitCode, InputError
from flowers_tfx.orchestration.run_options import ALL_NODES, RunOptions
from flowers_tfx.progress import listening

if TYPE_CHECKING:
    from flowers_tfx.config import PipelineConfig
    from flowers_tfx.orchestration.node_events import Watcher
    from flowers_tfx.orchestration.run_report import RunReport


@flowers.command()
@click.option("--runner", type=click.Choice(["local", "beam"]), default="local", show_default=True)
@click.option("-v", "--verbose", is_flag=True, help="Shows all logs instead of the progress display.")
@click.option(
    "--no-cache",
    is_flag=False,
    flag_value=ALL_NODES,
    multiple=True,
    metavar="[NODE...]",
    help="Runs all nodes, or these, although the cache has their results.",
)
@click.argument("nodes", nargs=-1, metavar="")
@click.option(
    "--from", "from_node", metavar="NODE", default="", help="Runs only this node and those after it, on outputs of an earlier run."
)
@click.option("--to", "to_node", metavar="NODE", default="", help="Runs only this node and those that it needs.")
@click.option(
    "--sweep",
    "sweeps",
    multiple=True,
    metavar="KEY=VALUE,VALUE...",
    help="One run for each value, or each combination of several sweeps; compares them, and publishes nothing.",
)
@with_config
def run(
    config: PipelineConfig,
    runner: str,
    verbose: bool,
    no_cache: tuple[str, ...],
    nodes: tuple[str, ...],
    from_node: str,
    to_node: str,
    sweeps: tuple[str, ...],
) -> CommandResult:
    """Runs the pipeline: ingests what is new, trains, evaluates, publishes."""
    options = RunOptions(_uncached(no_cache, nodes), from_node, to_node)
    if sweeps:
        from flowers_tfx.cli.sweep import sweep

        return sweep(config, sweeps, options, lambda one, part: _run(one, runner, None if verbose else _create_log(one), part))
    log = None if verbose else _create_log(config)
    report = _run(config, runner, log, options).with_options(config_options())
    from flowers_tfx.cli.run_display import report_lines

    return CommandResult(
        report.as_json(), notes=report_lines(report, str(log or "")), warnings=_not_served(config, report), exit_code=exit_code_of(report)
    )


def _uncached(no_cache: tuple[str, ...], nodes: tuple[str, ...]) -> tuple[str, ...]:
    """`--no-cache A B`, `--no-cache A --no-cache B` and `--no-cache A,B` are the same."""
    if nodes and (not no_cache or no_cache[-1] == ALL_NODES):
        raise InputError(f"The argument {nodes[0]} is unexpected.", "Name nodes after --no-cache, --from or --to.")
    return tuple(name for names in (*no_cache, *nodes) for name in names.split(",") if name)


def _not_served(config: PipelineConfig, report: RunReport) -> list[str]:
    """That another version is pinned, so that nobody gets answers of the one that was pushed."""
    from flowers_tfx.registry import not_served_reason
    from flowers_tfx.storage import storage_path

    if report.pushed_model is None:
        return []
    reason = not_served_reason(config.registry, int(storage_path(report.pushed_model).name))
    return [f"{reason} To serve the newest version: flowers registry unpin {config_options(('registry=',))}".rstrip()] if reason else []


def exit_code_of(report: RunReport) -> ExitCode:
    by_status = {"succeeded": ExitCode.DONE, "blocked": ExitCode.BLOCKED}
    return by_status.get(report.status, ExitCode.BAD_INPUT if report.bad_input else ExitCode.FAILED)


def _run(config: PipelineConfig, runner: str, log: Path | None, options: RunOptions) -> RunReport:
    """Runs the pipeline with a progress display, and with the output of all libraries in `log`."""
    from rich.console import Console
    from rich.status import Status

    from flowers_tfx.cli.library_output import redirect_output

    with redirect_output(log) as screen, ExitStack() as stack:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1" if log else "0")
        console = Console(file=screen)
        with Status("Loading TensorFlow, Beam and TFX", console=console) if console.is_terminal else ExitStack():
            from flowers_tfx.cli.run_display import RunDisplay
            from flowers_tfx.orchestration.run_records import typical_seconds
            from flowers_tfx.orchestration.settings import metadata_connection

            execute = _runner(runner)
        display = stack.enter_context(RunDisplay(screen, typical_seconds(metadata_connection(config))))
        stack.enter_context(listening(display))
        return execute(config, display.watch, options)


def _runner(name: str) -> Callable[[PipelineConfig, Watcher, RunOptions], RunReport]:
    if name == "beam":
        from runners.beam import run
    else:
        from runners.local import run
    return run


def _create_log(config: PipelineConfig) -> Path:
    """One file per run."""
    from flowers_tfx.orchestration.roots import check_root, log_folder

    check_root(config)
    folder = log_folder(config)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.log"
        path.touch()
    except OSError as error:
        raise InputError(
            f"Nothing can be written to {folder}: {error.strerror}.", "Correct its permissions, or set pipeline_root."
        ) from None
    return path
