"""The settings of a step that only Kubernetes has: machines, taints, time limits, secrets.

The message is KubernetesExecutorConfig of kfp-kubernetes (kubernetes_executor_config.proto), in JSON and without that package, which is
not a dependency of ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flowers_tfx.config import KubeflowConfig
from flowers_tfx.orchestration.kubeflow.spec_patches import executor_label, step_of, tasks

# KubernetesExecutorConfig as Kubeflow Pipelines 2.17 knows it.
_KNOWN_KEYS = frozenset(
    {
        "secretAsVolume",
        "secretAsEnv",
        "pvcMount",
        "nodeSelector",
        "podMetadata",
        "imagePullSecret",
        "imagePullPolicy",
        "configMapAsVolume",
        "configMapAsEnv",
        "activeDeadlineSeconds",
        "fieldPathAsEnv",
        "tolerations",
        "genericEphemeralVolume",
        "nodeAffinity",
        "podAffinity",
        "enabledSharedMemory",
        "emptyDirMounts",
        "securityContext",
    }
)


def platform_spec(spec: Mapping[str, Any], kubeflow: KubeflowConfig) -> dict[str, Any] | None:
    """The second document of a package, or None when no step has such settings."""
    executors = {executor_label(spec, name): _executor(kubeflow, name) for name in tasks(spec)}
    executors = {label: settings for label, settings in executors.items() if settings}
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}} if executors else None


def check_platform(spec: Mapping[str, Any], platform: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Where a backend would refuse the second document of a package, and why. It answers to an unknown key with a 500."""
    platforms = platform.get("platforms") or {}
    for name in sorted(set(platforms) - {"kubernetes"}):
        yield name, "The platform document is for a platform that Kubeflow Pipelines does not have: it has kubernetes."
    executors = ((platforms.get("kubernetes") or {}).get("deploymentSpec") or {}).get("executors") or {}
    compiled = (spec.get("deploymentSpec") or {}).get("executors") or {}
    for label, settings in sorted(executors.items()):
        if label not in compiled:
            yield label, "The platform document names an executor that is not in the package."
        for key in sorted(set(settings) - _KNOWN_KEYS):
            yield label, f"The platform document has a setting {key}, which Kubeflow Pipelines 2.17 does not know."


def _executor(kubeflow: KubeflowConfig, name: str) -> dict[str, Any]:
    step = step_of(kubeflow, name)
    settings: dict[str, Any] = {}
    if step.node_selector:
        settings["nodeSelector"] = {"labels": dict(step.node_selector)}
    if step.tolerations:
        settings["tolerations"] = [dict(toleration) for toleration in step.tolerations]
    if kubeflow.timeout_s:
        settings["activeDeadlineSeconds"] = str(kubeflow.timeout_s)  # int64 is a string in the JSON of protos
    if kubeflow.secrets:
        settings["secretAsEnv"] = _secrets(kubeflow.secrets)
    return settings


def _secrets(references: Mapping[str, str]) -> list[dict[str, Any]]:
    """One entry for each secret, with the variables that its keys fill."""
    by_secret: dict[str, list[dict[str, str]]] = {}
    for variable, reference in sorted(references.items()):
        secret, _, key = reference.partition("/")
        by_secret.setdefault(secret, []).append({"secretKey": key, "envVar": variable})
    # secretName for older backends; those that know secretNameParameter read it first.
    return [
        {"secretName": secret, "secretNameParameter": {"runtimeValue": {"constant": secret}}, "keyToEnv": keys, "optional": False}
        for secret, keys in sorted(by_secret.items())
    ]
