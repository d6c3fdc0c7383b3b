"""What a backend would refuse in a compiled package, told before anything is uploaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from flowers_tfx.orchestration.kubeflow.package import Package
from flowers_tfx.orchestration.kubeflow.secret_names import secret_names, secret_options

SCHEMA_VERSION = "2.1.0"
# Linux's limit of one argument of a program (MAX_ARG_STRLEN).
MOST_ARGUMENT_BYTES = 128 * 1024
# kfp.local cuts `comp-` off a component's name without looking.
_CUT = len("comp-")

Level = Literal["error", "warning"]


@dataclass(frozen=True)
class Problem:
    """`where` is a task, an executor or a part of the package; an error is refused, a warning is not."""

    level: Level
    where: str
    message: str


def lint(package: Package) -> list[Problem]:
    """Every problem, errors first. What cannot be read as a pipeline is not looked at any further."""
    from google.protobuf.json_format import ParseError

    try:
        package = _as_read(package)
    except (ParseError, TypeError, AttributeError) as error:  # the last two: what ParseDict raises on a list for a map
        reason = " ".join(str(error).split())[:300]
        return [Problem("error", "spec", f"It does not fit the protos of Kubeflow Pipelines: {reason}")]
    found = [*_schema(package), *_executors(package.spec), *_tasks(package.spec), *_platform(package)]
    return sorted(found, key=lambda problem: problem.level != "error")


def _schema(package: Package) -> Iterator[Problem]:
    version = str(package.spec.get("schemaVersion", ""))
    if not package.job and version != SCHEMA_VERSION:
        yield Problem("error", "schemaVersion", f"Open-source Pipelines takes schema {SCHEMA_VERSION}, and this is {version or 'none'}.")
    if not package.name:
        yield Problem("error", "pipelineInfo", "The pipeline has no name.")


def _as_read(package: Package) -> Package:
    """What a backend reads: fields that the installed kfp does not know are let pass, as backends do.

    Raises ParseError, TypeError or AttributeError on what is no pipeline.
    """
    from google.protobuf.json_format import MessageToDict, ParseDict
    from kfp.pipeline_spec import pipeline_spec_pb2

    def read(value: Any, message: Any) -> dict[str, Any]:
        found: dict[str, Any] = MessageToDict(ParseDict(value, message, ignore_unknown_fields=True))
        return found

    spec = read(package.spec, pipeline_spec_pb2.PipelineSpec())
    deployment = read(spec.get("deploymentSpec", {}), pipeline_spec_pb2.PipelineDeploymentConfig())
    return Package({**spec, "deploymentSpec": deployment}, read(package.platform, pipeline_spec_pb2.PlatformSpec()), package.job)


def _executors(spec: dict[str, Any]) -> Iterator[Problem]:
    for label, executor in sorted(_of(spec, "deploymentSpec", "executors").items()):
        if "resolver" in executor:
            yield Problem("error", label, "A Resolver cannot run: backends run containers and importers only.")
        elif "container" not in executor and "importer" not in executor:
            kinds = ", ".join(sorted(executor)) or "nothing"
            yield Problem("error", label, f"It is neither a container nor an importer, but {kinds}.")
        if "container" in executor:
            yield from _container(label, executor["container"])


def _container(label: str, container: dict[str, Any]) -> Iterator[Problem]:
    arguments = [str(part) for part in [*container.get("command", []), *container.get("args", [])]]
    if any("infra_validator" in argument for argument in arguments):
        yield Problem("error", label, "InfraValidator starts a server beside itself, which no step can do.")
    if not container.get("image"):
        yield Problem("error", label, "It has no image.")
    elif "@sha256:" not in container["image"]:
        yield Problem(
            "warning", label, f"The image {container['image']} is named by a tag, which can move: cached results may be another image's."
        )
    environment = {entry.get("name", ""): str(entry.get("value", "")) for entry in container.get("env", [])}
    for name in [*secret_names(environment), *secret_options(arguments)]:
        yield Problem("warning", label, f"{name} looks like a secret by value: refer to a Kubernetes secret instead.")
    longest = max((len(argument.encode()) for argument in arguments), default=0)
    if longest >= MOST_ARGUMENT_BYTES:
        yield Problem("error", label, f"An argument has {longest} bytes, and a program takes {MOST_ARGUMENT_BYTES - 1} at most.")


def _tasks(spec: dict[str, Any]) -> Iterator[Problem]:
    tasks = _of(spec, "root", "dag", "tasks")
    if not tasks:
        yield Problem("error", "root", "The pipeline has no tasks.")
    given = _of(spec, "root", "inputDefinitions", "parameters")
    for name, definition in sorted(given.items()):
        if "defaultValue" not in definition and not definition.get("isOptional"):
            yield Problem("error", name, "The run parameter has no default, so a run without a value for it fails.")
    for name, task in sorted(tasks.items()):
        component = _of(spec, "components").get(task.get("componentRef", {}).get("name"))
        if component is None:
            yield Problem("error", name, "Its component is not in the package.")
            continue
        if component.get("executorLabel") not in _of(spec, "deploymentSpec", "executors"):
            yield Problem("error", name, "Its executor is not in the package.")
        for producer in task.get("dependentTasks", []):
            if producer not in tasks:
                yield Problem("error", name, f"It waits for {producer}, which is no task.")
        yield from _parameters(spec, name, task, component, given)
        yield from _artifacts(spec, name, task, component)
    yield from _shortened(spec)


def _parameters(
    spec: dict[str, Any], name: str, task: dict[str, Any], component: dict[str, Any], given: dict[str, Any]
) -> Iterator[Problem]:
    inputs = _of(task, "inputs", "parameters")
    for parameter, definition in sorted(_of(component, "inputDefinitions", "parameters").items()):
        if parameter not in inputs and "defaultValue" not in definition and not definition.get("isOptional"):
            yield Problem("error", name, f"Its parameter {parameter} has no value.")
    for parameter, source in sorted(inputs.items()):
        where = f"Its parameter {parameter}"
        if "taskOutputParameter" in source:
            wanted = source["taskOutputParameter"]
            yield from _produced(spec, name, where, wanted.get("producerTask", ""), "parameters", wanted.get("outputParameterKey", ""))
        elif "componentInputParameter" in source:
            if source["componentInputParameter"] not in given:
                yield Problem("error", name, f"{where} is to be the run parameter {source['componentInputParameter']}, which there is not.")
        elif "constant" not in source.get("runtimeValue", {}) and "taskFinalStatus" not in source:
            yield Problem("error", name, f"{where} has no value.")


def _artifacts(spec: dict[str, Any], name: str, task: dict[str, Any], component: dict[str, Any]) -> Iterator[Problem]:
    inputs = _of(task, "inputs", "artifacts")
    for artifact, definition in sorted(_of(component, "inputDefinitions", "artifacts").items()):
        if artifact not in inputs and not definition.get("isOptional"):
            yield Problem("error", name, f"Its input {artifact} comes from nowhere.")
    for artifact, source in sorted(inputs.items()):
        wanted = source.get("taskOutputArtifact", {})
        producer, key = wanted.get("producerTask", ""), wanted.get("outputArtifactKey", "")
        yield from _produced(spec, name, f"Its input {artifact}", producer, "artifacts", key)


def _produced(spec: dict[str, Any], name: str, where: str, producer: str, kind: str, key: str) -> Iterator[Problem]:
    task = _of(spec, "root", "dag", "tasks").get(producer)
    if task is None:
        yield Problem("error", name, f"{where} comes from {producer or 'nowhere'}, which is no task.")
        return
    component = _of(spec, "components").get(task.get("componentRef", {}).get("name"), {})
    if key not in _of(component, "outputDefinitions", kind):
        yield Problem("error", name, f"{where} comes from {producer}, which has no output {key}.")


def _shortened(spec: dict[str, Any]) -> Iterator[Problem]:
    short: dict[str, str] = {}
    for name in sorted(_of(spec, "components")):
        other = short.setdefault(name[_CUT:], name)
        if other != name:
            yield Problem("warning", name, f"Without its first {_CUT} letters it is called like {other}: kfp.local mixes them up.")


def _platform(package: Package) -> Iterator[Problem]:
    executors = _of(package.platform, "platforms", "kubernetes", "deploymentSpec", "executors")
    for label in sorted(set(executors) - set(_of(package.spec, "deploymentSpec", "executors"))):
        yield Problem("error", label, "The platform document speaks of an executor that is not in the package.")


def _of(value: dict[str, Any], *keys: str) -> dict[str, Any]:
    for key in keys:
        value = value.get(key) or {}
    return value
