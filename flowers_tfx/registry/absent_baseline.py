"""A baseline that is not there: the artifact that would hold it says why (docs/adr/0004)."""

from __future__ import annotations

from pathlib import Path

from flowers_tfx import storage

NONE_FILE = "none.txt"


def no_baseline_reason(uri: str) -> str | None:
    """Why the artifact at `uri` holds nothing, or None when it holds what it should."""
    marker = storage.storage_path(uri) / NONE_FILE
    return marker.read_text(encoding="utf-8") if marker.is_file() else None


def mark_none(home: Path, reason: str) -> None:
    home.mkdir(parents=True, exist_ok=True)
    (home / NONE_FILE).write_text(reason, encoding="utf-8")
