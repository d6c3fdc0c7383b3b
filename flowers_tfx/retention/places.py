"""All places where a pipeline's files lie."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from flowers_tfx.config import PipelineConfig
from flowers_tfx.errors import InputError
from flowers_tfx.model import backbone_cache
from flowers_tfx.orchestration.roots import log_folder
from flowers_tfx.registry import local_copies
from flowers_tfx.review import stored_reviews
from flowers_tfx.storage import StoragePath, storage_path

PlaceName = Literal["data_root", "pipeline_root", "metadata", "registry", "logs", "feedback", "records", "cache", "copies"]


@dataclass(frozen=True)
class Place:
    """A folder, or the file of ML Metadata; it may not exist (yet). `contents`: what lies there, for people."""

    name: PlaceName
    path: StoragePath
    contents: str


def places(config: PipelineConfig) -> tuple[Place, ...]:
    """Every place of this configuration. One can lie in another: logs and ML Metadata lie in the pipeline root by default. A MySQL database
    is not among them, nor are the files that people delivered."""
    found = [
        Place("data_root", storage_path(config.data_root), "spans, measured properties, decisions, and reviews of runs on Kubeflow"),
        Place("pipeline_root", storage_path(config.pipeline_root), "artifacts of runs, and their reviews"),
        Place("registry", storage_path(config.registry), "versions, each with its card, baseline and explanations"),
        Place("logs", log_folder(config), "a log per run"),
    ]
    if database := metadata_file(config):
        found.append(Place("metadata", database, "ML Metadata: the record of all runs"))
    if config.serving.feedback_dir:
        found.append(Place("feedback", Path(config.serving.feedback_dir), "photos and answers that people corrected"))
    if config.serving.record_dir:
        found.append(Place("records", Path(config.serving.record_dir), "records of the service's answers, and photos kept beside them"))
    with contextlib.suppress(InputError):  # no home folder
        found.append(Place("cache", backbone_cache.cache_folder(), "converted backbones, of all pipelines of this user"))
    return (*found, *(Place("copies", path, "a copy of a version or of a page from a bucket") for path in temporary_copies()))


def metadata_file(config: PipelineConfig) -> Path | None:
    """The SQLite file of ML Metadata; None for a MySQL database and for runs on Kubeflow, whose cluster has its own."""
    if config.metadata:
        return None if "://" in config.metadata else Path(config.metadata)
    return None if "://" in config.pipeline_root else Path(config.pipeline_root) / "metadata.sqlite"


def temporary_copies() -> list[Path]:
    """Folders of this machine's temporary folder that hold copies of versions and of pages of reviews."""
    folder = Path(tempfile.gettempdir())
    return sorted(path for prefix in (local_copies.PREFIX, stored_reviews.COPY_PREFIX) for path in folder.glob(f"{prefix}*"))
