"""The section `kubeflow`: resources and settings of runs on a cluster."""

from __future__ import annotations

from pydantic import Field, field_validator

from flowers_tfx.config.section import Section


class StepConfig(Section):
    """Resources of one step. Keys that are not set have the values of `kubeflow` for all steps."""

    cpu: float | None = Field(None, gt=0)
    memory_gb: float | None = Field(None, gt=0)
    node_selector: dict[str, str] | None = None
    tolerations: tuple[dict[str, str], ...] | None = None


class KubeflowConfig(Section):
    namespace: str = Field(
        "",
        pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$",
        description="namespace of runs on a multi-user installation; empty: single-user",
    )
    service_account: str = Field("", description="Kubernetes service account of the steps; empty: the cluster's own")
    cpu: float = Field(2, gt=0, le=1024, description="CPUs of each step, request and limit")
    memory_gb: float = Field(8, gt=0, le=65_536, description="memory of each step, request and limit, GB")
    gpu_type: str = Field(
        "nvidia.com/gpu", min_length=1, description="the kind of GPU: a resource name, on Vertex a type such as NVIDIA_TESLA_T4"
    )
    gpu_count: int = Field(0, ge=0, le=64, description="GPUs of the Trainer, and of the Tuner where there is one; no other step gets any")
    node_selector: dict[str, str] = Field({}, description="labels of the machines that steps may run on (open source)")
    tolerations: tuple[dict[str, str], ...] = Field(
        (), description="taints that steps tolerate (open source): `[{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]`"
    )
    steps: dict[str, StepConfig] = Field(
        {}, description="cpu, memory_gb, node_selector and tolerations of single steps: `{Trainer: {cpu: 8, memory_gb: 32}}`"
    )
    retries: int = Field(
        1, ge=0, le=10, description="how often a failed step is tried again, if the cluster's defaults let it (docs/kubeflow.md)"
    )
    timeout_s: int = Field(0, ge=0, description="a step that takes longer is stopped (open source); 0: never")
    environment: dict[str, str] = Field({}, description="environment variables of every step; no secrets")
    secrets: dict[str, str] = Field({}, description="environment variables from Kubernetes secrets (open source): `{NAME: SECRET/KEY}`")

    @field_validator("secrets")
    @classmethod
    def _by_reference(cls, value: dict[str, str]) -> dict[str, str]:
        for name, reference in value.items():
            secret, slash, key = reference.partition("/")
            if not (secret and slash and key) or "/" in key:
                raise ValueError(f"{name} must name a secret and its key as SECRET/KEY")
        return value

    @field_validator("tolerations")
    @classmethod
    def _known_keys(cls, value: tuple[dict[str, str], ...]) -> tuple[dict[str, str], ...]:
        for toleration in value:
            unknown = sorted(set(toleration) - {"key", "operator", "value", "effect"})
            if unknown:
                raise ValueError(f"a toleration has key, operator, value and effect, not {unknown[0]}")
        return value
