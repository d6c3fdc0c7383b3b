"""Baselines: what the data review compares new photos with. One lies beside each pushed version; an artifact without one says why
(docs/adr/0004)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flowers_tfx import storage
from flowers_tfx.registry.versions import BASELINE_DIR, files_digest, version_path
from flowers_tfx.storage import StoragePath

BASELINE_FILE = "baseline.json"
NO_BASELINE = "none"  # the execution property of a run without one
REASON_FILE = "none.txt"


def baseline_digest(registry: str, version: int) -> str:
    """Digest of the baseline beside a version; empty if there is none, as for an older version or after a killed push."""
    folder = version_path(registry, version) / BASELINE_DIR
    return files_digest(folder) if (folder / BASELINE_FILE).is_file() else ""


def baseline_is_whole(registry: str, version: int) -> bool:
    """Whether the files beside a version are those that were published."""
    folder = version_path(registry, version) / BASELINE_DIR
    return _read_baseline_record(folder).get("files") == baseline_files_digest(folder)


def baseline_files_digest(folder: StoragePath) -> str:
    """Digest of a baseline's files without its record, which contains this digest."""
    return files_digest(folder, lambda name: name != BASELINE_FILE)


def baseline_push_id(registry: str, version: int) -> str:
    """The token that the baseline beside a version was published with; empty if no baseline can be read."""
    return str(_read_baseline_record(version_path(registry, version) / BASELINE_DIR).get("push_id", ""))


def _read_baseline_record(folder: StoragePath) -> Mapping[str, Any]:
    """The content of baseline.json; empty if it is missing or damaged."""
    try:
        facts = json.loads((folder / BASELINE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def no_baseline_reason(uri: str) -> str | None:
    """Why the artifact at `uri` holds no baseline, or None when it holds one."""
    marker = storage.storage_path(uri) / REASON_FILE
    return marker.read_text(encoding="utf-8") if marker.is_file() else None


def write_no_baseline_reason(folder: Path, reason: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / REASON_FILE).write_text(reason, encoding="utf-8")
