"""Where runs in this process put artifacts and logs. Imports nothing heavy: commands use it before they show that they are loading."""

from __future__ import annotations

import os
from pathlib import Path

from flowers_tfx.config import PipelineConfig
from flowers_tfx.errors import InputError
from flowers_tfx.storage import StoragePath

MAINTENANCE = "process that removes files"  # the holder of the lock of `maintenance_folder`, in messages


def maintenance_folder(pipeline_root: StoragePath) -> StoragePath:
    """Whoever removes files locks it before the pipeline root, and a run takes its lock for a moment before it begins: so a run waits for
    the removal instead of being refused."""
    return pipeline_root / ".maintenance"


def check_root(config: PipelineConfig) -> None:
    """Raises InputError for a pipeline root that runs in this process cannot write to: a folder and gs:// are what TensorFlow knows."""
    scheme, found, _ = config.pipeline_root.partition("://")
    if found and scheme != "gs":
        raise InputError(
            f"The pipeline root {config.pipeline_root} cannot be used by this runner: TensorFlow cannot write to {scheme}://.",
            "Set `pipeline_root` to a folder or gs://BUCKET/PATH; on Kubeflow, whose launcher copies artifacts, s3:// works too.",
        )
    if found and not config.metadata:
        raise InputError(
            f"The pipeline root {config.pipeline_root} is in a bucket, where ML Metadata cannot be.",
            "Set `metadata` to a SQLite file of this machine, or to mysql://USER@HOST/DATABASE.",
        )


def log_folder(config: PipelineConfig) -> Path:
    """A folder on this machine: in the pipeline root, beside the SQLite file, or in the user's state folder."""
    if "://" not in config.pipeline_root:
        return Path(config.pipeline_root) / "logs"
    if config.metadata and "://" not in config.metadata:
        return Path(config.metadata).parent / "logs"
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "flowers_tfx" / config.name / "logs"
