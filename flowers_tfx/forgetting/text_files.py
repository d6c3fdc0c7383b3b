"""Pages, logs and JSON files that can name a photo or show its thumbnail."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from flowers_tfx import registry
from flowers_tfx.config import PipelineConfig
from flowers_tfx.data.forgotten import FOLDER
from flowers_tfx.forgetting.photo_traces import Traces
from flowers_tfx.monitoring.monitor_state import FOLDER as MONITOR
from flowers_tfx.orchestration.roots import log_folder
from flowers_tfx.retention.places import temporary_copies
from flowers_tfx.review.stored_reviews import REVIEWS, review_roots
from flowers_tfx.serving.feedback_folder import CSV_FILE, LOG_FILE, PHOTOS, RECENT
from flowers_tfx.storage import StoragePath, file_sizes, storage_path

_SUFFIXES = (".json", ".jsonl", ".html", ".md", ".log", ".txt", ".csv")
_SPAN = "span-"


def text_files(config: PipelineConfig) -> Iterator[StoragePath]:
    """In the data root (spans and certificates left out), reviews, also of what was served, logs and versions; versions' records
    and models are not among them."""
    yield from _texts(storage_path(config.data_root), lambda name: not name.startswith((_SPAN, f"{FOLDER}/")))
    for root in review_roots(config.pipeline_root, config.data_root):
        if root != config.data_root:
            yield from _texts(storage_path(root) / REVIEWS)
    if config.serving.record_dir:
        yield from _texts(storage_path(config.serving.record_dir) / MONITOR)
    yield from _texts(log_folder(config))
    for folder in temporary_copies():
        yield from _texts(folder)
    for version in registry.versions(config.registry):
        home = registry.version_path(config.registry, version) / registry.EXPLANATIONS_DIR
        yield from _texts(home)


def feedback_photos(config: PipelineConfig, digest: str) -> list[Path]:
    """Corrected photos, and those of the last minutes, which stand behind a line of JSON."""
    if not config.serving.feedback_dir:
        return []
    photos = [path for path in _files(Path(config.serving.feedback_dir) / PHOTOS) if path.stem == digest]
    return photos + [path for path in _files(Path(config.serving.feedback_dir) / RECENT) if _recent_digest(path) == digest]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def _recent_digest(path: Path) -> str:
    """Empty for a photo that the service has deleted meanwhile."""
    try:
        return hashlib.sha256(path.read_bytes().partition(b"\n")[2]).hexdigest()
    except FileNotFoundError:
        return ""


def feedback_lines(config: PipelineConfig, digest: str) -> dict[Path, bytes]:
    """The CSV and the log of corrections without the lines about the photo, where they have some."""
    if not config.serving.feedback_dir:
        return {}
    edited = {}
    for name in (CSV_FILE, LOG_FILE):
        path = Path(config.serving.feedback_dir) / name
        if path.is_file():
            lines = path.read_bytes().splitlines(keepends=True)
            kept = [line for line in lines if digest.encode() not in line]
            if len(kept) < len(lines):
                edited[path] = b"".join(kept)
    return edited


def names_photo(path: StoragePath, traces: Traces) -> bool:
    data = path.read_bytes()
    return traces.edit(data) != data


def _texts(home: StoragePath, wanted: Callable[[str], bool] = lambda _: True) -> Iterator[StoragePath]:
    if home.is_dir():
        for name in file_sizes(home):
            if name.endswith(_SUFFIXES) and wanted(name):
                yield home / name
