"""Every setting of a run: typed sections, and how they are read from YAML and `key=value` overrides."""

from flowers_tfx.config.beam import BeamConfig
from flowers_tfx.config.caching import CachingConfig
from flowers_tfx.config.evaluation import EvaluationConfig
from flowers_tfx.config.explain import ExplainConfig
from flowers_tfx.config.export import ExportConfig
from flowers_tfx.config.ingest import IngestConfig
from flowers_tfx.config.kubeflow import KubeflowConfig, StepConfig
from flowers_tfx.config.loading import load_config, parse_config, with_overrides
from flowers_tfx.config.monitor import MonitorConfig
from flowers_tfx.config.pipeline import PipelineConfig, known_keys
from flowers_tfx.config.review import ReviewConfig
from flowers_tfx.config.serving import CanaryConfig, ServingConfig
from flowers_tfx.config.training import ModelConfig, TrainingConfig
from flowers_tfx.config.trigger import TriggerConfig
from flowers_tfx.config.tuning import TuningConfig
from flowers_tfx.config.watch import WatchConfig

__all__ = [
    "BeamConfig",
    "CachingConfig",
    "CanaryConfig",
    "EvaluationConfig",
    "ExplainConfig",
    "ExportConfig",
    "IngestConfig",
    "KubeflowConfig",
    "ModelConfig",
    "MonitorConfig",
    "PipelineConfig",
    "ReviewConfig",
    "ServingConfig",
    "StepConfig",
    "TrainingConfig",
    "TriggerConfig",
    "TuningConfig",
    "WatchConfig",
    "known_keys",
    "load_config",
    "parse_config",
    "with_overrides",
]
