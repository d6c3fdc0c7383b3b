"""Whether a cluster can work with a configuration, checked before anything is compiled."""

from __future__ import annotations

import re
from typing import Literal

from flowers_tfx.config import PipelineConfig
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.kubeflow.addresses import is_bucket
from flowers_tfx.orchestration.kubeflow.secret_names import secret_names, secret_options

Target = Literal["kfp", "vertex"]

# The folder of the weights that are part of the image (Dockerfile).
IMAGE_WEIGHTS = "/opt/flowers/weights/"

# The launcher of a backend without ML Metadata sets these in every step.
RESERVED_VARIABLES = frozenset({"NAMESPACE", "KFP_POD_NAME", "KFP_POD_UID"})

_IMAGE = re.compile(r"[a-z0-9.\-]+(:\d+)?(/[a-z0-9._\-]+)*(:[\w.\-]+)?@sha256:[0-9a-f]{64}")


def check_image(image: str) -> None:
    """Raises InputError unless the image is named by its digest: the cluster's cache keys hold the name, and a tag can move."""
    if "@sha256:" not in image:
        raise InputError(f"The image {image} is named without its digest.", "Write NAME@sha256:DIGEST: a tag can move to another image.")
    if not _IMAGE.fullmatch(image):
        raise InputError(f"The image {image} is not of the form NAME@sha256:DIGEST, with 64 hexadecimal digits.")


def check_config(config: PipelineConfig, target: Target) -> None:
    """Raises InputError for paths that a step in its own container could not reach, and for settings that the target does not support."""
    for key in ("data_root", "registry", "pipeline_root"):
        _check_bucket(key, str(getattr(config, key)), target)
    if config.ingest.csv:
        _check_bucket("ingest.csv", config.ingest.csv, target)
    for key, value in (("ingest.labels", config.ingest.labels), ("schema", config.schema_path)):
        if "://" in value:
            raise InputError(
                f"Configuration key {key}: {value} is in a bucket, and compiling needs a local file.",
                "Its content goes into the package.",
            )
    _check_weights(config.model.weights)
    _check_secrets(config)
    _check_variables(config)
    if target == "vertex":
        _check_vertex(config)


def check_steps(config: PipelineConfig, node_ids: set[str]) -> None:
    """Raises InputError when `kubeflow.steps` names a step that the pipeline does not have."""
    for name in config.kubeflow.steps:
        if name not in node_ids:
            raise InputError(
                f"Configuration key kubeflow.steps: the pipeline has no step {name}.", f"It has {', '.join(sorted(node_ids))}."
            )


def _check_bucket(key: str, uri: str, target: Target) -> None:
    if not is_bucket(uri):
        raise InputError(
            f"Configuration key {key}: a cluster cannot reach {uri}, since every step starts in an empty container.",
            "Name a folder in a bucket: gs://BUCKET/..., s3://BUCKET/... or minio://BUCKET/...",
        )
    if target == "vertex" and not uri.startswith("gs://"):
        raise InputError(f"Configuration key {key}: Vertex AI reads and writes gs:// only, not {uri}.", "Name a folder in a gs:// bucket.")


def _check_weights(weights: str) -> None:
    if weights not in ("imagenet", "none") and not is_bucket(weights) and not weights.startswith(IMAGE_WEIGHTS):
        raise InputError(
            f"Configuration key model.weights: a cluster cannot reach {weights}.",
            f"Use imagenet, none, an .h5 file in a bucket, or one that is part of the image, {IMAGE_WEIGHTS}NAME.",
        )


def _check_secrets(config: PipelineConfig) -> None:
    names = secret_names(config.kubeflow.environment)
    if names:
        raise InputError(
            f"Configuration key kubeflow.environment: {names[0]} looks like a secret, which must not be stored in a package.",
            f"Put it into a Kubernetes secret and write kubeflow.secrets: {{{names[0]}: SECRET/KEY}}.",
        )
    options = secret_options(config.beam.options)
    if options:
        raise InputError(
            f"Configuration key beam.options: {options[0]} looks like a secret, which must not be stored in a package.",
            "Give it to the steps by kubeflow.secrets.",
        )


def _check_variables(config: PipelineConfig) -> None:
    for key in ("environment", "secrets"):
        for name in sorted(RESERVED_VARIABLES & set(getattr(config.kubeflow, key))):
            raise InputError(f"Configuration key kubeflow.{key}: Kubeflow Pipelines sets {name} itself.", "Name the variable differently.")


def _check_vertex(config: PipelineConfig) -> None:
    kubeflow = config.kubeflow
    unsupported = {
        "node_selector": kubeflow.node_selector or any(step.node_selector for step in kubeflow.steps.values()),
        "tolerations": kubeflow.tolerations or any(step.tolerations for step in kubeflow.steps.values()),
        "secrets": kubeflow.secrets,
        "timeout_s": kubeflow.timeout_s,
    }
    for name, value in unsupported.items():
        if value:
            raise InputError(
                f"Configuration key kubeflow.{name}: Vertex AI has no such setting.", "Leave it out, or compile with --target kfp."
            )
    if kubeflow.gpu_count and "/" in kubeflow.gpu_type:
        raise InputError(
            f"Configuration key kubeflow.gpu_type: {kubeflow.gpu_type} is not an accelerator of Vertex AI.",
            "Use one such as NVIDIA_TESLA_T4 or NVIDIA_L4.",
        )
