"""Checks before a run that may take hours: folders and buckets are writable, the disk is large enough, no second run uses the same
root."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import keras

from flowers_tfx import registry
from flowers_tfx.config import PipelineConfig
from flowers_tfx.config.training import SERVING
from flowers_tfx.data.spans import list_spans
from flowers_tfx.errors import InputError
from flowers_tfx.model.network import build_backbone
from flowers_tfx.model.training_checks import check_trainable
from flowers_tfx.orchestration.engine_checks import check_engine
from flowers_tfx.orchestration.roots import MAINTENANCE, check_root, maintenance_folder
from flowers_tfx.orchestration.settings import network_shape, pipeline_schema
from flowers_tfx.storage import BucketPath, StoragePath, check_bucket, file_sizes, lock, storage_path
from flowers_tfx.warm_start import check_start

_SLACK_BYTES = 500 * 2**20


def check(config: PipelineConfig) -> None:
    """Raises InputError for the first problem that would stop the run later."""
    check_root(config)
    if config.ingest.csv and "://" not in config.ingest.csv and not Path(config.ingest.csv).is_file():
        raise InputError(
            f"The CSV {config.ingest.csv} does not exist.", "Make one with `flowers dataset index DIR`, or correct ingest.csv."
        )
    for key, folder in (("pipeline_root", storage_path(config.pipeline_root)), ("registry", storage_path(config.registry))):
        _check_writable(key, folder)
    data_root = storage_path(config.data_root)
    if config.ingest.csv and isinstance(data_root, BucketPath):
        check_bucket(data_root)  # without a delivery it is only read
    if config.metadata and "://" not in config.metadata:
        _check_writable("metadata", Path(config.metadata).parent)
    check_engine(config.beam, {"data_root": config.data_root, "pipeline_root": config.pipeline_root})
    _check_disk(config)
    _check_network(config)
    if config.training.start == SERVING:
        _check_start(config)


@contextlib.contextmanager
def lock_pipeline_root(pipeline_root: str) -> Iterator[None]:
    """Locks the pipeline root for this run; the lock ends with the process, in a bucket a minute later. Waits for `flowers gc` and
    `flowers forget`; raises InputError if another run is at work."""
    root = storage_path(pipeline_root)
    with contextlib.ExitStack() as stack:
        with lock(maintenance_folder(root), holder=MAINTENANCE):
            stack.enter_context(lock(root, wait=False, holder="run", hint="Wait for it, or give this run a pipeline_root of its own."))
        yield


def _check_writable(key: str, folder: StoragePath) -> None:
    if isinstance(folder, BucketPath):
        return check_bucket(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"Nothing can be written to {folder} ({key}): {error.strerror}.", f"Correct its permissions, or set {key}."
        ) from None


def _check_network(config: PipelineConfig) -> None:
    """Builds the pretrained network once, so that missing or wrong weights stop the run before its data are prepared."""
    check_trainable(config.model, len(pipeline_schema(config).labels), config.training)
    if config.model.pretrained:
        build_backbone(config.model)
        keras.backend.clear_session()


def _check_start(config: PipelineConfig) -> None:
    """SelectInputs checks it again, when it has selected the version: that can also be one before the version that serves now."""
    if registry.versions(config.registry):
        entry = registry.entry(config.registry, registry.serving_version(config.registry))
        if not registry.damage(config.registry, entry):
            check_start(config.registry, entry.version, network_shape(config.model), pipeline_schema(config).labels)


def _check_disk(config: PipelineConfig) -> None:
    """The disk must have room for another copy of the Examples and for every picture at the network's size."""
    spans = list_spans(config.data_root)
    photos = sum(span.examples for span in spans)
    files = (file for span in spans for file in file_sizes(span.path).items())
    bytes_held = sum(size for name, size in files if name.endswith(".tfrecord.gz"))
    needed = bytes_held + photos * 3 * config.model.image_size**2 + _SLACK_BYTES
    here, key = (config.pipeline_root, "pipeline_root") if "://" not in config.pipeline_root else (tempfile.gettempdir(), "TMPDIR")
    free = shutil.disk_usage(here).free
    if free < needed:
        raise InputError(
            f"The disk of {here} has {free / 2**20:,.0f} MiB free; this run needs about {needed / 2**20:,.0f} MiB.",
            f"Free some, or set {key} to another disk.",
        )
