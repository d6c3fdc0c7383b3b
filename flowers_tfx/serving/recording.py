"""The recorder of a worker, from the configuration."""

from __future__ import annotations

from collections.abc import Callable

from flowers_tfx.config import PipelineConfig
from flowers_tfx.errors import InputError
from flowers_tfx.monitoring.record_settings import RecordCounters, RecordSettings
from flowers_tfx.monitoring.recorder import Recorder, prepare_folder
from flowers_tfx.storage import in_bucket

_HINT = "Set serving.record_dir to a folder on this machine that the server may write to, or leave it empty."
_FILE_BYTES = 16_000_000
_FILES_WITHIN_LIMIT = 4  # of each worker: those that are being written cannot leave
_OPEN_PART = 2  # of the limit, for files of all workers that are not closed yet


def create_recorder(config: PipelineConfig, workers: int, counters: RecordCounters, is_busy: Callable[[], bool]) -> Recorder | None:
    """None if answers are not recorded. `is_busy`: whether photos wait for a thread.

    Raises InputError for a folder that cannot be written to.
    """
    if not config.serving.record_dir:
        return None
    check_record_dir(config)
    return Recorder(_settings(config, workers), counters, is_busy)


def check_record_dir(config: PipelineConfig) -> None:
    """Makes the folder. Raises InputError if it cannot be written to."""
    folder = config.serving.record_dir
    if not folder:
        return
    if in_bucket(folder):
        raise InputError(f"Answers cannot be recorded in {folder}: it is not on this machine.", _HINT)
    try:
        prepare_folder(folder)
    except OSError as error:
        raise InputError(f"Answers cannot be recorded in {folder}: {error.strerror}.", _HINT) from error


def _settings(config: PipelineConfig, workers: int) -> RecordSettings:
    serving, most = config.serving, int(config.serving.record_mb * 1e6)
    return RecordSettings(
        serving.record_dir,
        max_pixels=config.ingest.max_pixels,
        keep_photos=serving.keep_photos,
        file_bytes=min(_FILE_BYTES, most // (_FILES_WITHIN_LIMIT * workers)),
        file_s=serving.record_file_s,
        max_bytes=most,
        open_bytes=most // (_OPEN_PART * workers),
    )
