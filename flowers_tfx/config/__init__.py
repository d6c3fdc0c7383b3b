"""Every setting of a run: typed sections, and how they are read from YAML and `key=value` overrides."""

from flowers_tfx.config.beam import BeamConfig
from flowers_tfx.config.evaluation import EvaluationConfig
from flowers_tfx.config.explain import ExplainConfig
from flowers_tfx.config.export import ExportConfig
from flowers_tfx.config.ingest import IngestConfig
from flowers_tfx.config.kubeflow import KubeflowConfig, StepConfig
from flowers_tfx.config.loading import load_config, parse_config
from flowers_tfx.config.pipeline import PipelineConfig, known_keys
from flowers_tfx.config.review import ReviewConfig
from flowers_tfx.config.serving import CanaryConfig, ServingConfig
from flowers_tfx.config.training import ModelConfig, TrainingConfig

__all__ = [
    "BeamConfig",
    "CanaryConfig",
    "EvaluationConfig",
    "ExplainConfig",
    "ExportConfig",
    "IngestConfig",
    "KubeflowConfig",
    "ModelConfig",
    "PipelineConfig",
    "ReviewConfig",
    "ServingConfig",
    "StepConfig",
    "TrainingConfig",
    "known_keys",
    "load_config",
    "parse_config",
]
