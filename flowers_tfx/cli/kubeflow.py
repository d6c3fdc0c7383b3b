"""`flowers kubeflow compile` and `lint`."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowers_tfx.cli.command import CommandResult, with_config
from flowers_tfx.cli.root import flowers
from flowers_tfx.errors import ExitCode, InputError

if TYPE_CHECKING:
    from flowers_tfx.config import PipelineConfig

_SUFFIXES = {"kfp": (".yaml", ".yml"), "vertex": (".json",)}


@flowers.group()
def kubeflow() -> None:
    """Compiles the pipeline for Kubeflow, checks packages, submits and schedules runs."""


@kubeflow.command("compile")
@click.option("--target", type=click.Choice(["kfp", "vertex"]), required=True, help="Open-source Pipelines (YAML) or Vertex AI (JSON).")
@click.option("--image", required=True, metavar="NAME@sha256:DIGEST", help="The image of every step, by its digest.")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The package to write.")
@click.option("-v", "--verbose", is_flag=True, help="Shows the logs of TensorFlow and TFX.")
@with_config
def compile_(config: PipelineConfig, target: Any, image: str, out: Path, verbose: bool) -> CommandResult:
    """Compiles the pipeline. It needs no network, no bucket and no cluster. The same configuration gives the same bytes."""
    from flowers_tfx.cli.library_output import redirect_output
    from flowers_tfx.orchestration.kubeflow.checks import check_config, check_image

    if out.suffix not in _SUFFIXES[target]:
        raise InputError(f"A package for {target} is a {_SUFFIXES[target][0]} file, and {out} is not.", "Name another file with --out.")
    check_image(image)  # these two once more before TFX is imported, which takes half a minute
    check_config(config, target)
    with redirect_output(None if verbose else Path(os.devnull)):
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if verbose else "2")
        from runners.kubeflow import write_compiled

        compiled = write_compiled(config, target, image, out)
    value = compiled.as_json()
    lines = [*(f"warning: {text}" for text in value["warnings"]), f"{len(value['steps'])} steps for {target}: {out}"]
    return CommandResult(value, lines)


@kubeflow.command()
@click.argument("package", metavar="FILE", type=click.Path(path_type=Path))
def lint(package: Path) -> CommandResult:
    """Lists what a backend would refuse in a compiled package. Exit code 2: there are errors."""
    from flowers_tfx.orchestration.kubeflow.lint import lint as problems_of
    from flowers_tfx.orchestration.kubeflow.package import read_package

    problems = problems_of(read_package(package))
    errors = sum(problem.level == "error" for problem in problems)
    warnings = len(problems) - errors
    value = {"package": str(package), "errors": errors, "warnings": warnings, "problems": [asdict(problem) for problem in problems]}
    lines = [f"{problem.level}: {problem.where}: {problem.message}" for problem in problems]
    summary = f"{package}: {errors} errors, {warnings} warnings"
    return CommandResult(value, [*lines, summary], exit_code=ExitCode.BAD_INPUT if errors else ExitCode.DONE)
