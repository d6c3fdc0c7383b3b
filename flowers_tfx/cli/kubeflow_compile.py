"""`flowers kubeflow compile` and `lint`."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flowers_tfx.config import PipelineConfig
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.kubeflow.checks import Target, check_config, check_image
from flowers_tfx.orchestration.kubeflow.lint import lint
from flowers_tfx.orchestration.kubeflow.package import read_package, write_package
from flowers_tfx.orchestration.kubeflow.spec_patches import tasks
from flowers_tfx.orchestration.quiet import redirected

SUFFIXES = {"kfp": (".yaml", ".yml"), "vertex": (".json",)}


def compile_pipeline(config: PipelineConfig, target: Target, image: str, out: Path, verbose: bool) -> dict[str, Any]:
    """Compiles, checks what came out as `lint` does, and writes it. Raises InputError on what a cluster could not work with."""
    if out.suffix not in SUFFIXES[target]:
        raise InputError(f"A package for {target} is a {SUFFIXES[target][0]} file, and {out} is not.", "Name another file with --out.")
    check_image(image)  # these two again before TFX is imported: a wrong setting should not take half a minute to be told
    check_config(config, target)
    with redirected(None if verbose else Path(os.devnull), keep_stdout=False):
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if verbose else "2")
        from runners.kubeflow import compile_package

        package = compile_package(config, target, image)
    problems = lint(package)
    errors = [problem for problem in problems if problem.level == "error"]
    if errors:
        raise InputError(f"The package would be refused: {errors[0].where}: {errors[0].message}", "Correct the configuration.")
    write_package(package, out)
    return {
        "package": str(out),
        "target": target,
        "pipeline": package.name,
        "image": image,
        "sha256": hashlib.sha256(out.read_bytes()).hexdigest(),
        "steps": sorted(tasks(package.spec)),
        "parameters": {name: value["defaultValue"] for name, value in package.spec["root"]["inputDefinitions"]["parameters"].items()},
        "warnings": [f"{problem.where}: {problem.message}" for problem in problems],
    }


def lint_package(path: Path) -> dict[str, Any]:
    """Every problem of a package. Raises InputError when it cannot be read."""
    problems = lint(read_package(path))
    errors = sum(problem.level == "error" for problem in problems)
    return {
        "package": str(path),
        "errors": errors,
        "warnings": len(problems) - errors,
        "problems": [asdict(problem) for problem in problems],
    }
