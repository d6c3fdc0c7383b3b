"""`flowers kubeflow ...`: parsing, and handing over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from flowers_tfx.cli_options import config_options, json_option, put
from flowers_tfx.errors import EXIT_BAD_INPUT, EXIT_DONE


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
    from flowers_tfx.commands.kubeflow import compile_pipeline
    from flowers_tfx.config import load_config

    value = compile_pipeline(load_config(config_path, overrides), target, image, out, verbose)
    put(value, as_json, *(f"warning: {text}" for text in value["warnings"]), f"{len(value['steps'])} steps for {target}: {out}")


@kubeflow.command()
@click.argument("package", metavar="FILE", type=click.Path(path_type=Path))
@json_option
def lint(package: Path, as_json: bool) -> int:
    """Says what a backend would refuse in a compiled package. Exit code 2: there is such a thing."""
    from flowers_tfx.commands.kubeflow import lint_package

    value = lint_package(package)
    lines = [f"{problem['level']}: {problem['where']}: {problem['message']}" for problem in value["problems"]]
    put(value, as_json, *lines, f"{package}: {value['errors']} errors, {value['warnings']} warnings")
    return EXIT_BAD_INPUT if value["errors"] else EXIT_DONE
