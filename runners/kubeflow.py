"""Compiles the pipeline for Kubeflow: `python -m runners.kubeflow --target kfp --image IMAGE@sha256:... --out FILE --config FILE`."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # Before the imports below, which take long.
    from runners.command import exec_flowers

    exec_flowers("kubeflow", "compile", *sys.argv[1:])

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig

from flowers_tfx.config import PipelineConfig
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.kubeflow.checks import Target, check_config, check_image, check_steps
from flowers_tfx.orchestration.kubeflow.lint import Problem, lint
from flowers_tfx.orchestration.kubeflow.package import Package, write_package
from flowers_tfx.orchestration.kubeflow.platform_spec import platform_spec
from flowers_tfx.orchestration.kubeflow.spec_patches import patch_spec, tasks
from flowers_tfx.orchestration.node_caching import looks_outside
from pipeline_def import create_pipeline

ENTRYPOINT = ["python", "-m", "flowers_tfx.orchestration.kubeflow.entrypoint"]


def compile_package(config: PipelineConfig, target: Target, image: str) -> Package:
    """The pipeline as open-source Pipelines (`kfp`) or Vertex AI (`vertex`) takes it. It needs no network, bucket or cluster.

    Raises InputError for settings that a cluster could not work with.
    """
    check_image(image)
    check_config(config, target)
    pipeline = create_pipeline(config)
    check_steps(config, {component.id for component in pipeline.components})
    settings = KubeflowV2DagRunnerConfig(default_image=image, default_commands=ENTRYPOINT, use_pipeline_spec_2_1=True)
    job = KubeflowV2DagRunner(settings).run(pipeline, write_out=False)
    never_cached = [node.id for node in pipeline.components if looks_outside(node) or config.caching.is_never_cached(node.id)]
    spec = patch_spec(job.pop("pipelineSpec"), config.kubeflow, never_cached)
    if target == "vertex":
        return Package(spec, job=job)
    spec["defaultPipelineRoot"] = config.pipeline_root
    return Package(spec, platform_spec(spec, config.kubeflow) or {})


@dataclass(frozen=True)
class CompiledPipeline:
    """A package that was written to `path`."""

    package: Package
    path: Path
    target: Target
    image: str
    warnings: tuple[Problem, ...]

    def as_json(self) -> dict[str, Any]:
        spec = self.package.spec
        return {
            "package": str(self.path),
            "target": self.target,
            "pipeline": self.package.name,
            "image": self.image,
            "sha256": hashlib.sha256(self.path.read_bytes()).hexdigest(),
            "steps": sorted(tasks(spec)),
            "parameters": {name: value["defaultValue"] for name, value in spec["root"]["inputDefinitions"]["parameters"].items()},
            "warnings": [f"{problem.where}: {problem.message}" for problem in self.warnings],
        }


def write_compiled(config: PipelineConfig, target: Target, image: str, path: Path) -> CompiledPipeline:
    """Compiles the pipeline and writes the package, unless a backend would refuse it: then it raises InputError."""
    package = compile_package(config, target, image)
    problems = lint(package)
    errors = [problem for problem in problems if problem.level == "error"]
    if errors:
        raise InputError(f"The package would be refused: {errors[0].where}: {errors[0].message}", "Correct the configuration.")
    write_package(package, path)
    return CompiledPipeline(package, path, target, image, tuple(problems))
