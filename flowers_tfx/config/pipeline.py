"""PipelineConfig: every setting of a run, typed, validated and frozen.

The reference in docs/configuration.md is generated from the fields and descriptions here and in the sections.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BeforeValidator, Field, field_validator
from pydantic.fields import FieldInfo

from flowers_tfx.config.beam import BeamConfig
from flowers_tfx.config.caching import CachingConfig
from flowers_tfx.config.evaluation import EvaluationConfig
from flowers_tfx.config.explain import ExplainConfig
from flowers_tfx.config.export import ExportConfig
from flowers_tfx.config.ingest import IngestConfig
from flowers_tfx.config.kubeflow import KubeflowConfig
from flowers_tfx.config.monitor import MonitorConfig
from flowers_tfx.config.retention import RetentionConfig
from flowers_tfx.config.review import ReviewConfig
from flowers_tfx.config.section import Section, split_commas
from flowers_tfx.config.serving import ServingConfig
from flowers_tfx.config.training import ModelConfig, TrainingConfig
from flowers_tfx.config.trigger import TriggerConfig
from flowers_tfx.config.tuning import TuningConfig
from flowers_tfx.config.unknown import UnknownConfig
from flowers_tfx.config.watch import WatchConfig


class PipelineConfig(Section):
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
    labels: Annotated[tuple[str, ...], BeforeValidator(split_commas)] = Field(
        (),
        description="class names in the order of the model's outputs, or a file with one class per line; empty: those of the schema",
    )
    span_window: int | Literal["all"] = Field("all", description="`all` spans, or the last K")
    schema_path: str = Field("", alias="schema", description="curated schema; empty: the one that comes with the program")
    ingest: IngestConfig = IngestConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    tuning: TuningConfig = TuningConfig()
    unknown: UnknownConfig = UnknownConfig()
    export: ExportConfig = ExportConfig()
    review: ReviewConfig = ReviewConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    explain: ExplainConfig = ExplainConfig()
    serving: ServingConfig = ServingConfig()
    caching: CachingConfig = CachingConfig()
    beam: BeamConfig = BeamConfig()
    kubeflow: KubeflowConfig = KubeflowConfig()
    watch: WatchConfig = WatchConfig()
    monitor: MonitorConfig = MonitorConfig()
    retention: RetentionConfig = RetentionConfig()
    trigger: TriggerConfig = TriggerConfig()

    @field_validator("span_window")
    @classmethod
    def _positive_window(cls, value: int | str) -> int | str:
        if isinstance(value, int) and value < 1:
            raise ValueError("must be `all` or a number of spans from 1")
        return value


def known_fields(section: type[Section] = PipelineConfig, prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Dotted key and field of every setting, in the order of the classes."""
    for name, field in section.model_fields.items():
        if isinstance(field.default, Section):
            yield from known_fields(type(field.default), f"{prefix}{name}.")
        else:
            yield f"{prefix}{field.alias or name}", field


def known_keys() -> Iterator[tuple[str, Any, str]]:
    """Dotted key, default and description of every setting, in the order of the classes."""
    for key, field in known_fields():
        yield key, field.default, field.description or ""


def takes_text(key: str) -> bool:
    """Whether the setting is a string, or one of several strings; False for unknown keys."""
    annotation = next((field.annotation for name, field in known_fields() if name == key), None)
    choices = get_args(annotation) if get_origin(annotation) is Literal else ()
    return annotation is str or (bool(choices) and all(isinstance(choice, str) for choice in choices))
