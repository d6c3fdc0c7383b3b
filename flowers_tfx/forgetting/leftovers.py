"""What killed processes were writing: no reader sees it, and it can hold the photo."""

from __future__ import annotations

from pathlib import Path

from flowers_tfx.config import PipelineConfig
from flowers_tfx.data.forgotten import DONE, FOLDER, read_certificates
from flowers_tfx.retention.places import places
from flowers_tfx.storage import StoragePath, is_unfinished, remove_unfinished, storage_path

_WATCH = "watch"  # a watcher writes to its folder of the data root without a lock


def remove_leftovers(config: PipelineConfig) -> None:
    """Of killed ingests, and of a removal that was killed; the caller has the locks of the writers."""
    data_root = storage_path(config.data_root)
    remove_unfinished(data_root, r"span-\d+")
    _remove_files(data_root / FOLDER)
    if any(certificate.get("state") != DONE for certificate in read_certificates(config.data_root).values()):
        for place in places(config):
            if place.name != "cache":
                _remove_files(place.path)


def _remove_files(folder: StoragePath) -> None:
    """In a bucket nothing is unfinished: an object appears whole."""
    if not isinstance(folder, Path) or not folder.is_dir():
        return
    for path in folder.rglob(".*"):
        if is_unfinished(path.name) and path.is_file() and _WATCH not in path.relative_to(folder).parts:
            path.unlink(missing_ok=True)
