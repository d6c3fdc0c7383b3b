"""Patches the pipeline that TFX compiles so that backends run it as intended. Pure functions on the pipeline spec as plain values
(JSON)."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from flowers_tfx.config import KubeflowConfig, StepConfig

# Run parameters, and the parameters of steps that take their values.
RUN_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "data_root": ("data_root", "input_base"),
    "registry": ("registry",),
    "csv": ("csv",),
    "span_window": ("span_window",),
}
GPU_STEPS = ("Tuner", "Trainer")
_RETRY = {"backoffDuration": "60s", "backoffFactor": 2.0, "backoffMaxDuration": "3600s"}

Spec = dict[str, Any]


def patch_spec(spec: Spec, kubeflow: KubeflowConfig, never_cached: Collection[str]) -> Spec:
    """A copy with correct producer names, caching, run parameters, types of reports, resources, retries and environment.

    `never_cached`: nodes whose inputs are not covered by a cache key, and those that the configuration excludes from caching.
    """
    spec = json.loads(json.dumps(spec))
    _correct_producers(spec)
    _disable_caching(spec, never_cached)
    _add_run_parameters(spec)
    _type_reports(spec)
    _compact_arguments(spec)
    for name, task in tasks(spec).items():
        if kubeflow.retries:
            task["retryPolicy"] = {"maxRetryCount": kubeflow.retries, **_RETRY}
        _set_resources(container_of(spec, name), kubeflow, name)
    return spec


def tasks(spec: Mapping[str, Any]) -> dict[str, Any]:
    tasks: dict[str, Any] = spec["root"]["dag"]["tasks"]
    return tasks


def executor_label(spec: Mapping[str, Any], task: str) -> str:
    return str(spec["components"][tasks(spec)[task]["componentRef"]["name"]]["executorLabel"])


def container_of(spec: Mapping[str, Any], task: str) -> dict[str, Any]:
    container: dict[str, Any] = spec["deploymentSpec"]["executors"][executor_label(spec, task)]["container"]
    return container


def step_of(kubeflow: KubeflowConfig, name: str) -> StepConfig:
    """A step's own settings, completed with those of all steps."""
    own = kubeflow.steps.get(name, StepConfig())  # type: ignore[call-arg]
    common = {key: getattr(kubeflow, key) for key in StepConfig.model_fields}
    return StepConfig(**{**common, **{key: value for key, value in own.model_dump().items() if value is not None}})


def _correct_producers(spec: Spec) -> None:
    """TFX names the producer of a dynamic property `X_task`, and the task `X`."""
    for parameter in _inputs(spec):
        produced = parameter.get("taskOutputParameter")
        if produced and produced["producerTask"] not in tasks(spec):
            produced["producerTask"] = produced["producerTask"].removesuffix("_task")


def _disable_caching(spec: Spec, names: Collection[str]) -> None:
    for name in names:
        tasks(spec)[name].pop("cachingOptions", None)


def _add_run_parameters(spec: Spec) -> None:
    """Turns the settings that a run may change into run parameters, with the compiled value as their default."""
    for parameter, names in RUN_PARAMETERS.items():
        for task in tasks(spec).values():
            inputs = task.get("inputs", {}).get("parameters", {})
            for name in names:
                if "runtimeValue" in inputs.get(name, {}):
                    default = inputs[name]["runtimeValue"]["constant"]
                    inputs[name] = {"componentInputParameter": parameter}
                    definitions = spec["root"].setdefault("inputDefinitions", {}).setdefault("parameters", {})
                    definitions[parameter] = {"parameterType": "STRING", "defaultValue": default, "isOptional": True}


def _type_reports(spec: Spec) -> None:
    """The cluster's page recognizes its own artifact types by their title; TFX writes every type as a whole schema."""
    for component in spec["components"].values():
        for artifact in component.get("outputDefinitions", {}).get("artifacts", {}).values():
            first = artifact["artifactType"].get("instanceSchema", "").partition("\n")[0]
            if first.startswith("title: system."):
                artifact["artifactType"] = {"schemaTitle": first.removeprefix("title: "), "schemaVersion": "0.0.1"}


def _compact_arguments(spec: Spec) -> None:
    """TFX indents the JSON that it passes on a command line; an argument has a limit of 128 KiB."""
    for name in tasks(spec):
        container = container_of(spec, name)
        container["args"] = [_compact(argument) for argument in container["args"]]


def _compact(argument: str) -> str:
    if not argument.startswith("{\n"):
        return argument
    return json.dumps(json.loads(argument), sort_keys=True, separators=(",", ":"))


def _set_resources(container: dict[str, Any], kubeflow: KubeflowConfig, name: str) -> None:
    step = step_of(kubeflow, name)
    resources: dict[str, Any] = {
        "cpuLimit": step.cpu,
        "cpuRequest": step.cpu,
        "memoryLimit": step.memory_gb,
        "memoryRequest": step.memory_gb,
    }
    if name in GPU_STEPS and kubeflow.gpu_count:
        resources["accelerator"] = {"type": kubeflow.gpu_type, "count": str(kubeflow.gpu_count)}
    container["resources"] = resources
    if kubeflow.environment:
        container["env"] = [{"name": key, "value": value} for key, value in sorted(kubeflow.environment.items())]


def _inputs(spec: Spec) -> Iterator[dict[str, Any]]:
    for task in tasks(spec).values():
        yield from task.get("inputs", {}).get("parameters", {}).values()
