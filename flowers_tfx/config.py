"""PipelineConfig: every setting of a run, typed, validated and frozen, from YAML and `key=value` overrides.

The reference in docs/configuration.md is generated from the fields and descriptions here.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from flowers_tfx.errors import InputError

BACKBONES = ("MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large")
# Kinds of findings whose effects have levels; flowers_tfx/validation/policy.py has their defaults.
KINDS = ("property", "joint", "sparse", "label", "content", "duplicate", "conflict", "reject")
Augmentation = Literal["flip", "crop", "color"]
AUGMENTATIONS: tuple[Augmentation, ...] = ("flip", "crop", "color")


def _listed(value: Any) -> Any:
    """A list may be written as `a,b` on the command line."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _augmentations(value: Any) -> Any:
    if isinstance(value, bool):
        return AUGMENTATIONS if value else ()
    if value in (None, "none"):
        return ()
    return AUGMENTATIONS if value == "all" else _listed(value)


def _switch(value: Any) -> Any:
    """YAML reads `on`, `off`, `true` and `false` as booleans, a command line as strings."""
    return {True: "on", False: "off", "true": "on", "false": "off"}.get(value, value)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class IngestConfig(_Section):
    csv: str = Field("", description="CSV of `uri,label` lines to take in at the start of each run; empty: no IngestImages node")
    labels: str = Field("", description="labels file of the delivery, a class a line; empty: the pipeline's own `labels`")
    split_salt: str = Field("", description="changes which photos fall into train, eval and test")
    shards: int = Field(1, ge=1, le=10_000, description="TFRecord files per split of a span")
    max_pixels: int = Field(50_000_000, ge=1_000_000, description="larger photos are set aside, px")


class ModelConfig(_Section):
    backbone: str = Field("MobileNetV2", description=f"one of {', '.join(BACKBONES)}")
    alpha: float = Field(0.35, gt=0, le=2, description="width multiplier of the backbone")
    image_size: int = Field(224, ge=32, le=1024, description="side of the square pictures that the network sees, px")
    weights: str = Field("imagenet", description="`imagenet`, `none` (train from scratch), or a path or bucket URI of an .h5 file")

    @field_validator("backbone")
    @classmethod
    def _known_backbone(cls, value: str) -> str:
        plain = {name.lower(): name for name in BACKBONES} | {"mobilenetv1": "MobileNet"}
        name = plain.get(value.lower().replace("_", "").replace("-", "").replace(" ", ""))
        if name is None:
            raise ValueError(f"must be one of {', '.join(BACKBONES)}")
        return name


class TrainingConfig(_Section):
    head_epochs: int = Field(60, ge=0, le=10_000, description="epochs of stage 1: the head, on features computed once")
    fine_tune_layers: int = Field(0, ge=-1, description="stage 2 trains the last N layers of the backbone; 0: no stage 2; `all` or -1: all")
    fine_tune_epochs: int = Field(
        25,
        ge=0,
        le=10_000,
        description="epochs of stage 2 at most, or of the whole training with `weights: none` (there, 0: as many as head_epochs)",
    )
    batch_size: int = Field(16, ge=1, le=65_536, description="photos per step")
    learning_rate: float = Field(3e-4, gt=0, le=1, description="peak learning rate of stage 2 (of the whole training with `weights: none`)")
    head_learning_rate: float = Field(1e-3, gt=0, le=1, description="learning rate of stage 1")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="the same seed gives the same model, bit for bit, on a CPU")
    class_weights: bool = Field(False, description="weigh classes by their inverse frequency")
    augment: Annotated[tuple[Augmentation, ...], BeforeValidator(_augmentations)] = Field(
        AUGMENTATIONS, description="augmentations of stage 2, a list; `all` or `none`"
    )
    precision: Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"] = Field(
        "auto", description="`auto`: mixed_float16 on a GPU, float32 on a CPU"
    )
    xla: Annotated[Literal["auto", "on", "off"], BeforeValidator(_switch)] = Field("auto", description="`auto`: on with a GPU only")

    @field_validator("fine_tune_layers", mode="before")
    @classmethod
    def _all_layers(cls, value: Any) -> Any:
        return {"all": -1, "none": 0}.get(value, value) if isinstance(value, str) else value


class EvaluationConfig(_Section):
    min_accuracy: float = Field(0.6, ge=0, le=1, description="a candidate below this accuracy on `test` is not blessed")
    max_drop: float = Field(0.02, ge=0, le=1, description="how far below the serving model's accuracy a candidate may lie")


Levels = dict[str, tuple[float, float]]


class ReviewConfig(_Section):
    alpha: float = Field(0.01, gt=0, le=0.2, description="probability that a review of data without drift warns or stops")
    permutations: int = Field(2000, ge=500, le=100_000, description="draws that calibrate the tests of a review")
    sample: int = Field(2000, ge=50, le=20_000, description="photos a side that the tests look at; effects come from all")
    levels: Levels = Field(
        {}, description="effects, in points, that warn and that stop, by kind of finding: `{property: [10, 25]}`; the others keep theirs"
    )
    features: Levels = Field({}, description="the same for single features, before the schema's: `{mean_luma: [20, 40]}`")

    @field_validator("levels", "features")
    @classmethod
    def _ascending(cls, value: Levels) -> Levels:
        for name, (warn, error) in value.items():
            if not 0 <= warn <= error:
                raise ValueError(f"the levels of {name} must ascend from 0")
        return value

    @field_validator("levels")
    @classmethod
    def _known_kinds(cls, value: Levels) -> Levels:
        unknown = [name for name in value if name not in KINDS]
        if unknown:
            raise ValueError(f"{unknown[0]} is no kind of finding with levels; known are {', '.join(KINDS)}")
        return value


class BeamConfig(_Section):
    engine: Literal["direct", "direct-multi", "portable", "flink", "spark", "dataflow"] = Field(
        "direct",
        description="where the heavy steps run: `direct`: this process; `direct-multi`: processes of this machine; `portable`: whatever "
        "answers at `beam.job_endpoint`, such as Prism or the job server of Flink or Spark; `flink`, `spark`: Beam starts the job server "
        "itself; `dataflow`",
    )
    workers: int = Field(
        0,
        ge=0,
        le=4096,
        description="threads (direct), processes (direct-multi), parallel tasks (flink), machines at most (dataflow), processes per "
        "machine (portable, spark); 0: what the engine takes by itself, which is 1 for direct and the number of cores for direct-multi",
    )
    job_endpoint: str = Field("", description="portable: HOST:PORT of the job server")
    artifact_endpoint: str = Field(
        "", description="portable: HOST:PORT that takes the job's files; empty: the one that the job server names"
    )
    environment: Literal["", "loopback", "external", "process", "docker"] = Field(
        "",
        description="portable, flink, spark: where the Python workers run: `loopback`: in this process, for engines on this machine; "
        "`external`: worker pools; `process`: a program that the engine starts; `docker`: containers of `beam.sdk_container_image`",
    )
    environment_config: str = Field(
        "", description="HOST:PORT of the worker pool (external), or the path of the program that starts a worker (process)"
    )
    master: str = Field(
        "", description="flink: HOST:PORT of the JobManager's REST interface, or `[local]`; spark: spark://HOST:PORT, or `local[N]`"
    )
    job_server_jar: str = Field("", description="flink, spark: path of Beam's job-server jar; empty: Beam fetches that of its own version")
    sdk_container_image: str = Field("", description="dataflow, and environment docker: image of the workers, which holds this program")
    project: str = Field("", description="dataflow: id of the Google Cloud project")
    region: str = Field("", description="dataflow: such as europe-west4")
    temp_location: str = Field("", description="dataflow: gs://BUCKET/PATH for temporary and staged files")
    service_account: str = Field("", description="dataflow: e-mail of the account that the workers run as; empty: the project's default")
    machine_type: str = Field("", description="dataflow: machine type of the workers; empty: the service's choice")
    options: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field((), description="further Beam options, such as `--name=value`")


class StepConfig(_Section):
    """What one step asks of the cluster; what is not said here is as `kubeflow` has it for all steps."""

    cpu: float | None = Field(None, gt=0)
    memory_gb: float | None = Field(None, gt=0)
    node_selector: dict[str, str] | None = None
    tolerations: tuple[dict[str, str], ...] | None = None


class KubeflowConfig(_Section):
    namespace: str = Field(
        "", pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$", description="namespace of runs; empty: the cluster's own"
    )
    service_account: str = Field("", description="Kubernetes service account of the steps; empty: the cluster's own")
    cpu: float = Field(2, gt=0, le=1024, description="CPUs of each step, asked for and at most")
    memory_gb: float = Field(8, gt=0, le=65_536, description="memory of each step, asked for and at most, GB")
    gpu_type: str = Field(
        "nvidia.com/gpu", min_length=1, description="the Trainer's GPU: a resource name, on Vertex a type such as NVIDIA_TESLA_T4"
    )
    gpu_count: int = Field(0, ge=0, le=64, description="GPUs of the Trainer, the one step that gets any")
    node_selector: dict[str, str] = Field({}, description="labels of the machines that steps may run on (open source)")
    tolerations: tuple[dict[str, str], ...] = Field(
        (), description="taints that steps tolerate (open source): `[{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]`"
    )
    steps: dict[str, StepConfig] = Field(
        {}, description="cpu, memory_gb, node_selector and tolerations of single steps: `{Trainer: {cpu: 8, memory_gb: 32}}`"
    )
    retries: int = Field(1, ge=0, le=10, description="how often a failed step is tried again")
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


class PipelineConfig(_Section):
    name: str = Field("flowers", pattern=r"^[a-z][a-z0-9-]{0,62}$", description="name of the pipeline: a-z, 0-9 and -")
    data_root: str = Field("data", min_length=1, description="folder of the spans, or gs://BUCKET/PATH or s3://BUCKET/PATH")
    pipeline_root: str = Field(
        "pipeline",
        min_length=1,
        description="folder of the artifacts of every run; or gs://, with `metadata` set; on Kubeflow s3:// or minio://, too",
    )
    metadata: str = Field("", description="ML Metadata: path of a SQLite file, or mysql://USER@HOST/DATABASE; empty: in the pipeline root")
    registry: str = Field(
        "registry", min_length=1, description="folder of the pushed models, REGISTRY/<version>/, or gs://BUCKET/PATH or s3://BUCKET/PATH"
    )
    labels: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        (),
        description="class names in the order of the model's outputs, or the path of a file, a class a line; empty: those of the schema",
    )
    span_window: int | Literal["all"] = Field("all", description="`all` spans, or the last K")
    schema_path: str = Field("", alias="schema", description="curated schema; empty: the one that comes with the program")
    ingest: IngestConfig = IngestConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    review: ReviewConfig = ReviewConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    beam: BeamConfig = BeamConfig()
    kubeflow: KubeflowConfig = KubeflowConfig()

    @field_validator("span_window")
    @classmethod
    def _positive_window(cls, value: int | str) -> int | str:
        if isinstance(value, int) and value < 1:
            raise ValueError("must be `all` or a number of spans from 1")
        return value


def load_config(path: str | Path | None = None, overrides: Iterable[str] = ()) -> PipelineConfig:
    """The config of a YAML file with `key=value` overrides. Raises InputError on unknown keys and wrong values."""
    settings: dict[str, Any] = {}
    if path is not None:
        settings = _read_yaml(Path(path))
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals:
            raise InputError(f"--set {override!r} has no value.", "Write it as key=value, such as training.seed=1.")
        _put(settings, key.strip(), _scalar(key, text))
    return parse_config(settings)


def parse_config(settings: Mapping[str, Any]) -> PipelineConfig:
    """Validated config of plain values. Raises InputError naming the first wrong key."""
    _refuse_unknown(settings)
    try:
        return PipelineConfig.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"] if isinstance(part, str) and part not in ("int", "literal['all']"))
        reason = first["msg"].removeprefix("Value error, ")
        raise InputError(f"Configuration key {key}: {reason} (got {first['input']!r}).", _describe(key)) from None


def known_keys() -> Iterator[tuple[str, Any, str]]:
    """Dotted key, default and description of every setting, in the order of the classes."""
    for name, field in PipelineConfig.model_fields.items():
        if isinstance(field.default, _Section):
            for inner, inner_field in type(field.default).model_fields.items():
                yield f"{name}.{inner}", inner_field.default, inner_field.description or ""
        else:
            yield field.alias or name, field.default, field.description or ""


def _describe(key: str) -> str:
    return next((f"{key}: {text}." for name, _, text in known_keys() if name == key), "")


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"The configuration {path} cannot be read: {error.strerror}.", "Name a YAML file with --config.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"The configuration {path} is not valid YAML: {' '.join(str(error).split())}.") from None
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise InputError(f"The configuration {path} must hold keys and values.", "See docs/configuration.md.")
    return loaded


def _scalar(key: str, text: str) -> Any:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    # Strings that YAML would turn into something else (a salt `1`, a date, a path `~`) stay as typed where a string is wanted.
    wants_text = any(name == key.strip() and isinstance(default, str) and default != "all" for name, default, _ in known_keys())
    return text if wants_text and _describe(key.strip()) and key.strip() != "training.xla" else value


def _put(settings: dict[str, Any], key: str, value: Any) -> None:
    *sections, last = key.split(".")
    for section in sections:
        inner = settings.setdefault(section, {})
        if not isinstance(inner, dict):
            raise InputError(f"Configuration key {section} has no keys below it, so {key} is unknown.")
        settings = inner
    settings[last] = value


def _refuse_unknown(settings: Mapping[str, Any]) -> None:
    known = [key for key, _, _ in known_keys()]
    sections = {key.split(".")[0] for key in known if "." in key}
    for name, value in settings.items():
        if name in sections and not isinstance(value, Mapping):
            raise InputError(
                f"Configuration key {name} must hold keys and values.", f"Such as {next(k for k in known if k.startswith(name))}."
            )
        for key in [f"{name}.{inner}" for inner in value] if isinstance(value, Mapping) else [str(name)]:
            if key not in known:
                near = difflib.get_close_matches(key, known, 1, 0.5) or difflib.get_close_matches(key.split(".")[-1], known, 1, 0.0)
                raise InputError(f"Configuration key {key} is unknown.", f"Did you mean {near[0]}?")
