"""A stand-in for the backend of open-source Pipelines: its driver's ExecutorInputs, its cache keys, its launcher's folders.

After kubeflow/pipelines, backend/src/v2: inputs come with a name (a number), a URI and metadata, and with no type; of an output only the
folder above it exists; every step sees its own inputs and nothing else; what is under an output's URI afterwards is uploaded, unless the
step failed: then its log is, and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# The entrypoint, with the mounts below a folder of the test instead of `/`.
SHIM = """
import sys
from flowers_tfx.orchestration.kubeflow import addresses, entrypoint
mounts = sys.argv.pop(1)
addresses.MOUNTS.update({scheme: mounts + folder for scheme, folder in addresses.MOUNTS.items()})
entrypoint.main()
"""


@dataclass
class Outcome:
    state: str  # complete, cached, failed
    code: int
    log: str
    parameters: dict[str, Any] = field(default_factory=dict)
    artifacts: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class Launcher:
    """`store` stands for the buckets; `cache` lives as long as the launcher. `no_mlmd`: as the branch without ML Metadata, where an
    artifact's name is the key of its output, and `artifactId` tells artifacts apart."""

    spec: Mapping[str, Any]
    store: Path
    work: Path
    arguments: Mapping[str, Any] = field(default_factory=dict)
    cache: dict[str, Outcome] = field(default_factory=dict)
    artifact_ids: int = 0
    no_mlmd: bool = False

    def run(self, run_id: str, watch: Callable[[str, Outcome], None] = lambda *_: None) -> dict[str, Outcome]:
        """All tasks in order; stops at the first that fails."""
        tasks: Mapping[str, Any] = self.spec["root"]["dag"]["tasks"]
        outcomes: dict[str, Outcome] = {}
        while len(outcomes) < len(tasks):
            name = next(
                name
                for name in sorted(tasks)
                if name not in outcomes and all(other in outcomes for other in tasks[name].get("dependentTasks", []))
            )
            outcomes[name] = self.step(name, run_id, outcomes)
            watch(name, outcomes[name])
            if outcomes[name].state == "failed":
                break
        return outcomes

    def step(self, name: str, run_id: str, outcomes: Mapping[str, Outcome]) -> Outcome:
        task = self.spec["root"]["dag"]["tasks"][name]
        component = self.spec["components"][task["componentRef"]["name"]]
        container = self.spec["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
        message = self.message(name, run_id, outcomes)
        key = self.cache_key(container, message)
        cacheable = task.get("cachingOptions", {}).get("enableCache", False)
        if cacheable and key in self.cache:
            hit = self.cache[key]
            return Outcome("cached", 0, "", hit.parameters, hit.artifacts)
        outcome = self.launch(container, message)
        if cacheable and outcome.state == "complete":
            self.cache[key] = outcome
        return outcome

    def message(self, name: str, run_id: str, outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
        task = self.spec["root"]["dag"]["tasks"][name]
        component = self.spec["components"][task["componentRef"]["name"]]
        inputs = task.get("inputs", {})
        outputs = component.get("outputDefinitions", {})
        pipeline_root = f"{self.spec['defaultPipelineRoot']}/{self.spec['pipelineInfo']['name']}/{run_id}/{name}"
        return {
            "inputs": {
                "parameterValues": {key: self._value(source, outcomes) for key, source in inputs.get("parameters", {}).items()},
                "artifacts": {
                    key: {"artifacts": [self._artifact(source["taskOutputArtifact"], outcomes)]}
                    for key, source in inputs.get("artifacts", {}).items()
                },
            },
            "outputs": {
                "parameters": {key: {"outputFile": f"{self.work}/outputs/{key}"} for key in outputs.get("parameters", {})},
                "artifacts": {
                    **{
                        key: {"artifacts": [{"uri": f"{pipeline_root}/{key}", "type": definition["artifactType"], "metadata": {}}]}
                        for key, definition in outputs.get("artifacts", {}).items()
                    },
                    "executor-logs": {"artifacts": [{"uri": f"{pipeline_root}/executor-logs", "type": {"schemaTitle": "system.Artifact"}}]},
                },
                "outputFile": f"{self.work}/kfp_outputs/output_metadata.json",
            },
        }

    def launch(self, container: Mapping[str, Any], message: Mapping[str, Any], keep_work: bool = False) -> Outcome:
        """Downloads, runs, uploads, records."""
        if not keep_work:
            shutil.rmtree(self.work, ignore_errors=True)
        for artifact in _each(message["inputs"]):
            self._copy(self.store / _key(artifact["uri"]), self.work / "mounts" / _key(artifact["uri"]))
        for artifact in _each(message["outputs"]):
            (self.work / "mounts" / _key(artifact["uri"])).parent.mkdir(parents=True, exist_ok=True)
        for parameter in message["outputs"]["parameters"].values():
            Path(parameter["outputFile"]).parent.mkdir(parents=True, exist_ok=True)
        python, _, module = container["command"]
        assert (python, module) == ("python", "flowers_tfx.orchestration.kubeflow.entrypoint")
        arguments = [argument.replace("{{$}}", json.dumps(message)) for argument in container["args"]]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}
        command = [sys.executable, "-c", SHIM, str(self.work / "mounts"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.work, env=environment, check=False)
        log = done.stdout + done.stderr
        if done.returncode != 0:
            # Of a step that fails the launcher of 2.16 and later uploads the log, and earlier ones nothing.
            (uri,) = (artifact["uri"] for artifact in message["outputs"]["artifacts"]["executor-logs"]["artifacts"])
            (self.store / _key(uri)).parent.mkdir(parents=True, exist_ok=True)
            (self.store / _key(uri)).write_text(log, encoding="utf-8")
            return Outcome("failed", done.returncode, log)
        answer = json.loads(Path(message["outputs"]["outputFile"]).read_text(encoding="utf-8"))
        assert set(answer) <= {"artifacts", "parameterValues"}  # the launcher's parser refuses what it does not know
        artifacts = {}
        for key, declared in message["outputs"]["artifacts"].items():
            merged = dict(declared["artifacts"][0])
            for output in answer.get("artifacts", {}).get(key, {}).get("artifacts", []):
                assert all(value is not None for value in output.get("metadata", {}).values()), key
                merged.update({name: output[name] for name in ("uri", "metadata") if name in output})
            self.artifact_ids += 1
            artifacts[key] = {**merged, **self._identity(key, str(self.artifact_ids))}
            # What the branch without ML Metadata asks for, always.
            assert key == "executor-logs" or (self.work / "mounts" / _key(merged["uri"])).exists(), key
            if merged.get("type", {}).get("schemaTitle") == "system.Metrics":
                assert all(type(value) in (int, float) for value in merged.get("metadata", {}).values()), key
            self._copy(self.work / "mounts" / _key(merged["uri"]), self.store / _key(merged["uri"]))
        return Outcome("complete", 0, log, answer.get("parameterValues", {}), artifacts)

    def _identity(self, key: str, artifact_id: str) -> dict[str, str]:
        return {"name": key, "artifactId": artifact_id} if self.no_mlmd else {"name": artifact_id}

    @staticmethod
    def cache_key(container: Mapping[str, Any], message: Mapping[str, Any]) -> str:
        """Image, command, values of parameters, names of artifacts: nothing of what lies in them."""
        parts = {
            "container": [container["image"], container["command"], container["args"]],
            "parameters": message["inputs"]["parameterValues"],
            "artifacts": {
                key: [a.get("artifactId") or a["name"] for a in value["artifacts"]] for key, value in message["inputs"]["artifacts"].items()
            },
            "outputs": [sorted(message["outputs"]["parameters"]), sorted(message["outputs"]["artifacts"])],
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _value(self, source: Mapping[str, Any], outcomes: Mapping[str, Outcome]) -> Any:
        if "taskOutputParameter" in source:
            produced = source["taskOutputParameter"]
            return outcomes[produced["producerTask"]].parameters[produced["outputParameterKey"]]
        if "componentInputParameter" in source:
            name = source["componentInputParameter"]
            return self.arguments.get(name, self.spec["root"]["inputDefinitions"]["parameters"][name]["defaultValue"])
        return source["runtimeValue"]["constant"]

    def _artifact(self, source: Mapping[str, Any], outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
        produced = outcomes[source["producerTask"]].artifacts[source["outputArtifactKey"]]
        return {key: produced[key] for key in ("name", "artifactId", "uri", "metadata") if key in produced}

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def _each(side: Mapping[str, Any]) -> list[Any]:
    return [artifact for several in side["artifacts"].values() for artifact in several["artifacts"]]


def _key(uri: str) -> str:
    """minio://bucket/key -> minio/bucket/key, as the launcher's mounts have it."""
    scheme, _, rest = uri.partition("://")
    return f"{'gcs' if scheme == 'gs' else scheme}/{rest}"
