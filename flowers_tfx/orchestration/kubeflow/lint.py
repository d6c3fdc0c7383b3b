"""What a backend would refuse in a compiled package, found before anything is uploaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.kubeflow.checks import RESERVED_VARIABLES
from flowers_tfx.orchestration.kubeflow.package import Package, read_package
from flowers_tfx.orchestration.kubeflow.platform_spec import check_platform
from flowers_tfx.orchestration.kubeflow.secret_names import secret_names, secret_options
from flowers_tfx.orchestration.kubeflow.transport import one_line

SCHEMA_VERSION = "2.1.0"
# Linux's limit of one argument of a program (MAX_ARG_STRLEN).
MAX_ARGUMENT_BYTES = 128 * 1024
# kfp.local removes as many letters as `comp-` has from the name of every component.
_PREFIX_LETTERS = len("comp-")

Level = Literal["error", "warning"]


@dataclass(frozen=True)
class Problem:
    """`where` is a task, an executor or a part of the package; backends refuse a package with an error, not one with a warning."""

    level: Level
    where: str
    message: str


def lint(package: Package) -> list[Problem]:
    """Every problem, errors first. A package that cannot be parsed as a pipeline is not checked further."""
    from google.protobuf.json_format import ParseError

    try:
        package = _parse(package)
    except (ParseError, TypeError, AttributeError) as error:  # the last two: ParseDict raises them for a list in place of a map
        reason = one_line(str(error))
        return [Problem("error", "spec", f"It does not fit the protos of Kubeflow Pipelines: {reason}.")]
    problems = [
        *_check_schema(package),
        *_check_executors(package.spec),
        *_check_tasks(package.spec),
        *_check_retries(package),
        *_platform_problems(package),
    ]
    return sorted(problems, key=lambda problem: problem.level != "error")


def read_clean_package(path: Path) -> Package:
    """A package for open-source Pipelines. Raises InputError for one that the backend would refuse, or that kfp's client cannot send."""
    package = read_package(path)
    if package.job:
        raise InputError(
            f"The package {path} is for Vertex AI, and this command submits to open-source Pipelines.",
            "Compile with --target kfp; docs/kubeflow.md shows how a job is given to Vertex AI.",
        )
    errors = [problem for problem in lint(package) if problem.level == "error"]
    if errors:
        raise InputError(
            f"The package {path} would be refused: {errors[0].where}: {errors[0].message}", "`flowers kubeflow lint` shows all problems."
        )
    unknown = _unknown_field(package)
    if unknown:
        raise InputError(
            f"The installed kfp cannot send the package {path}, which is newer: {unknown}.", "Submit it with the kfp that compiled it."
        )
    return package


def _parse(package: Package) -> Package:
    """What a backend reads: fields that the installed kfp does not know are ignored, as backends do.

    Raises ParseError, TypeError or AttributeError on what is not a pipeline.
    """
    from google.protobuf.json_format import MessageToDict, ParseDict
    from kfp.pipeline_spec import pipeline_spec_pb2

    def parse(value: Any, message: Any) -> dict[str, Any]:
        parsed: dict[str, Any] = MessageToDict(ParseDict(value, message, ignore_unknown_fields=True))
        return parsed

    spec = parse(package.spec, pipeline_spec_pb2.PipelineSpec())
    deployment = parse(spec.get("deploymentSpec", {}), pipeline_spec_pb2.PipelineDeploymentConfig())
    return Package({**spec, "deploymentSpec": deployment}, parse(package.platform, pipeline_spec_pb2.PlatformSpec()), package.job)


def _unknown_field(package: Package) -> str:
    """Why kfp's client would refuse what `_parse` ignores: a field that the installed protos do not have. Empty if it would not."""
    from google.protobuf.json_format import ParseDict, ParseError
    from kfp.pipeline_spec import pipeline_spec_pb2

    try:
        ParseDict(package.spec, pipeline_spec_pb2.PipelineSpec())
        ParseDict(package.platform, pipeline_spec_pb2.PlatformSpec())
    except ParseError as error:
        return one_line(str(error).partition("Available Fields")[0])
    return ""


def _check_schema(package: Package) -> Iterator[Problem]:
    version = str(package.spec.get("schemaVersion", ""))
    if not package.job and version != SCHEMA_VERSION:
        yield Problem("error", "schemaVersion", f"Open-source Pipelines takes schema {SCHEMA_VERSION}, and this is {version or 'none'}.")
    if not package.name:
        yield Problem("error", "pipelineInfo", "The pipeline has no name.")


def _check_executors(spec: dict[str, Any]) -> Iterator[Problem]:
    for label, executor in sorted(_get(spec, "deploymentSpec", "executors").items()):
        if "resolver" in executor:
            yield Problem("error", label, "A Resolver cannot run: backends run only containers and importers.")
        elif "container" not in executor and "importer" not in executor:
            kinds = ", ".join(sorted(executor)) or "nothing"
            yield Problem("error", label, f"It is neither a container nor an importer, but {kinds}.")
        if "container" in executor:
            yield from _check_container(label, executor["container"])


def _check_container(label: str, container: dict[str, Any]) -> Iterator[Problem]:
    arguments = [str(part) for part in [*container.get("command", []), *container.get("args", [])]]
    if any("infra_validator" in argument for argument in arguments):
        yield Problem("error", label, "InfraValidator starts a second server, which no step can do.")
    if not container.get("image"):
        yield Problem("error", label, "It has no image.")
    elif "@sha256:" not in container["image"]:
        yield Problem(
            "warning", label, f"The image {container['image']} is named by a tag, which can move: cached results may be another image's."
        )
    environment = {entry.get("name", ""): str(entry.get("value", "")) for entry in container.get("env", [])}
    for name in [*secret_names(environment), *secret_options(arguments)]:
        yield Problem("warning", label, f"{name} looks like a secret by value: refer to a Kubernetes secret instead.")
    for name in sorted(RESERVED_VARIABLES & set(environment)):
        yield Problem("error", label, f"Its variable {name} is one that Kubeflow Pipelines sets itself.")
    longest = max((len(argument.encode()) for argument in arguments), default=0)
    if longest >= MAX_ARGUMENT_BYTES:
        yield Problem("error", label, f"An argument has {longest} bytes, and a program takes at most {MAX_ARGUMENT_BYTES - 1}.")


def _check_tasks(spec: dict[str, Any]) -> Iterator[Problem]:
    tasks = _get(spec, "root", "dag", "tasks")
    if not tasks:
        yield Problem("error", "root", "The pipeline has no tasks.")
    run_parameters = _get(spec, "root", "inputDefinitions", "parameters")
    for name, definition in sorted(run_parameters.items()):
        if "defaultValue" not in definition and not definition.get("isOptional"):
            yield Problem("error", name, "The run parameter has no default, so a run without a value for it fails.")
    for name, task in sorted(tasks.items()):
        component = _get(spec, "components").get(task.get("componentRef", {}).get("name"))
        if component is None:
            yield Problem("error", name, "Its component is not in the package.")
            continue
        if component.get("executorLabel") not in _get(spec, "deploymentSpec", "executors"):
            yield Problem("error", name, "Its executor is not in the package.")
        for producer in task.get("dependentTasks", []):
            if producer not in tasks:
                yield Problem("error", name, f"It waits for {producer}, which is not a task.")
        yield from _check_parameters(spec, name, task, component, run_parameters)
        yield from _check_artifacts(spec, name, task, component)
    yield from _check_short_names(spec)


def _check_parameters(
    spec: dict[str, Any], name: str, task: dict[str, Any], component: dict[str, Any], run_parameters: dict[str, Any]
) -> Iterator[Problem]:
    inputs = _get(task, "inputs", "parameters")
    for parameter, definition in sorted(_get(component, "inputDefinitions", "parameters").items()):
        if parameter not in inputs and "defaultValue" not in definition and not definition.get("isOptional"):
            yield Problem("error", name, f"Its parameter {parameter} has no value.")
    for parameter, source in sorted(inputs.items()):
        subject = f"Its parameter {parameter}"
        if "taskOutputParameter" in source:
            output = source["taskOutputParameter"]
            producer, key = output.get("producerTask", ""), output.get("outputParameterKey", "")
            yield from _check_output(spec, name, subject, producer, "parameters", key)
        elif "componentInputParameter" in source:
            run_parameter = source["componentInputParameter"]
            if run_parameter not in run_parameters:
                yield Problem("error", name, f"{subject} refers to the run parameter {run_parameter}, which does not exist.")
        elif "constant" not in source.get("runtimeValue", {}) and "taskFinalStatus" not in source:
            yield Problem("error", name, f"{subject} has no value.")


def _check_artifacts(spec: dict[str, Any], name: str, task: dict[str, Any], component: dict[str, Any]) -> Iterator[Problem]:
    inputs = _get(task, "inputs", "artifacts")
    for artifact, definition in sorted(_get(component, "inputDefinitions", "artifacts").items()):
        if artifact not in inputs and not definition.get("isOptional"):
            yield Problem("error", name, f"Its input {artifact} has no source.")
    for artifact, source in sorted(inputs.items()):
        output = source.get("taskOutputArtifact", {})
        producer, key = output.get("producerTask", ""), output.get("outputArtifactKey", "")
        yield from _check_output(spec, name, f"Its input {artifact}", producer, "artifacts", key)


def _check_output(spec: dict[str, Any], name: str, subject: str, producer: str, kind: str, key: str) -> Iterator[Problem]:
    """Checks that the producer of an input exists and has this output."""
    task = _get(spec, "root", "dag", "tasks").get(producer)
    if task is None:
        yield Problem("error", name, f"{subject} comes from {producer or 'nowhere'}, which is not a task.")
        return
    component = _get(spec, "components").get(task.get("componentRef", {}).get("name"), {})
    if key not in _get(component, "outputDefinitions", kind):
        yield Problem("error", name, f"{subject} comes from {producer}, which has no output {key}.")


def _check_short_names(spec: dict[str, Any]) -> Iterator[Problem]:
    names: dict[str, str] = {}
    for name in sorted(_get(spec, "components")):
        other = names.setdefault(name[_PREFIX_LETTERS:], name)
        if other != name:
            yield Problem(
                "warning", name, f"Without its first {_PREFIX_LETTERS} letters it is named like {other}: kfp.local confuses them."
            )


def _platform_problems(package: Package) -> Iterator[Problem]:
    for where, message in check_platform(package.spec, package.platform):
        yield Problem("error", where, message)


def _check_retries(package: Package) -> Iterator[Problem]:
    """Nothing in a package can change this: Argo adds the policy of the cluster's defaults to the strategy that a task is compiled to."""
    policies = [_get(task, "retryPolicy") for task in _get(package.spec, "root", "dag", "tasks").values()]
    if not package.job and any(policy.get("maxRetryCount") for policy in policies):
        yield Problem(
            "warning",
            "retryPolicy",
            "Kubeflow Pipelines 2.17, installed by its manifests, retries a step whose pod was lost, and not one that failed: in the "
            "config map workflow-controller-configmap, the line `retryPolicy: OnError` under templateDefaults.retryStrategy must be "
            "`retryPolicy: Always`.",
        )


def _get(value: dict[str, Any], *keys: str) -> dict[str, Any]:
    """The map under these keys; empty if absent."""
    for key in keys:
        value = value.get(key) or {}
    return value
