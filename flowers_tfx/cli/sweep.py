"""`flowers run --sweep`."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowers_tfx.cli.command import CommandResult, config_options
from flowers_tfx.cli.experiments import write_page
from flowers_tfx.cli.progress_bar import progress_bar
from flowers_tfx.errors import ExitCode
from flowers_tfx.orchestration.roots import log_folder
from flowers_tfx.orchestration.run_options import RunOptions

if TYPE_CHECKING:
    from flowers_tfx.cli.command import Line
    from flowers_tfx.config import PipelineConfig
    from flowers_tfx.experiments.comparison import Comparison
    from flowers_tfx.experiments.sweeps import Outlook, SweptRun
    from flowers_tfx.orchestration.run_report import RunReport

_EVERY_SETTING = ("",)


def sweep(
    config: PipelineConfig, sweeps: Sequence[str], options: RunOptions, run: Callable[[PipelineConfig, RunOptions], RunReport]
) -> CommandResult:
    """Runs every combination up to its evaluation and compares those that were recorded."""
    from flowers_tfx.experiments.sweeps import LAST_NODE, combinations, run_sweep

    chosen = combinations(config, sweeps)
    options = replace(options, to_node=options.to_node or LAST_NODE)
    results = []
    for result in run_sweep(chosen, lambda one: run(one, options), _announce):
        results.append(result)
        click.echo(_result_line(result), err=True)
    comparison, page = _compare(config, results)
    publish = _publishing_command(comparison, results) if comparison else None
    return CommandResult(
        {
            "runs": [_as_json(result) for result in results],
            "comparison": comparison.as_json() if comparison else None,
            "page": str(page) if page else None,
            "publish": publish,
        },
        _lines(comparison, page, publish),
        exit_code=exit_code_of_sweep(results),
    )


def exit_code_of_sweep(results: Sequence[SweptRun]) -> ExitCode:
    """Of the worst run: one that failed before one that was blocked. Bad input only where every run has it."""
    if any(result.status == "failed" for result in results):
        bad_input = all(result.report is None or result.report.bad_input for result in results)
        return ExitCode.BAD_INPUT if bad_input else ExitCode.FAILED
    return ExitCode.BLOCKED if any(result.status == "blocked" for result in results) else ExitCode.DONE


def _announce(outlook: Outlook) -> None:
    left = "" if outlook.seconds_left is None else f", about {outlook.seconds_left / 60:.1f} min left"
    click.echo(f"Run {outlook.number} of {outlook.total}: {outlook.combination.title}{left}", err=True)


def _result_line(result: SweptRun) -> str:
    if result.report is None:
        return f"failed: {result.error} {result.hint}".rstrip()
    accuracy = result.report.metrics.get("accuracy")
    measured = "" if accuracy is None else f", accuracy {accuracy:.3f}"
    return f"{result.status}{measured}{': ' + result.report.error if result.report.error else ''}"


def _compare(config: PipelineConfig, results: Sequence[SweptRun]) -> tuple[Comparison | None, Path | None]:
    from flowers_tfx.experiments.comparison import Question, compare_runs

    run_ids = tuple(result.report.run_id for result in results if result.report)
    if not run_ids:
        return None, None
    with progress_bar("Comparing the runs"):
        comparison = compare_runs(config, Question(run_ids=run_ids))
    page = log_folder(config).parent / "experiments" / f"{run_ids[0]}.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    write_page(comparison, page)
    return comparison, page


def _publishing_command(comparison: Comparison, results: Sequence[SweptRun]) -> str | None:
    """The command that publishes the best of the blessed candidates: all its nodes but the last are in the cache."""
    best = next((one.run_id for one in comparison.experiments if one.blessed), None)
    result = next((result for result in results if result.report and result.report.run_id == best), None)
    if best is None or result is None:
        return None
    settings = shlex.join(word for override in result.combination.overrides for word in ("--set", override))
    return " ".join(filter(None, ("flowers run", config_options(_EVERY_SETTING), settings)))


def _as_json(result: SweptRun) -> dict[str, object]:
    settings = dict(override.split("=", 1) for override in result.combination.overrides)
    error = {} if result.report else {"error": result.error, "hint": result.hint}
    return {"settings": settings, "status": result.status, "report": result.report.as_json() if result.report else None, **error}


def _lines(comparison: Comparison | None, page: Path | None, publish: str | None) -> Iterator[Line]:
    if comparison is None:
        return
    from flowers_tfx.cli.experiments_display import comparison_lines

    yield from comparison_lines(comparison)
    yield f"page: {page}"
    yield "Nothing was published. To publish the best blessed candidate:" if publish else "Nothing was published: no candidate is blessed."
    if publish:
        yield publish
