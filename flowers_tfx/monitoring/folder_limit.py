"""Keeps a folder of records within its limit: the oldest leave first."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from flowers_tfx.monitoring.segments import KEPT_PHOTOS, list_segments


def remove_oldest(folder: Path, most_bytes: int) -> None:
    """Removes the oldest Parquet files and kept photos until all files together have at most `most_bytes`. Files that are being written to
    count, and stay."""
    removable = {path: status for path in removable_files(folder) if (status := _status(path))}
    everything = sum(status.st_size for path in [*folder.iterdir(), *_photos(folder)] if (status := _status(path)))
    for path, status in sorted(removable.items(), key=lambda item: item[1].st_mtime):
        if everything <= most_bytes:
            return
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            path.unlink()
        everything -= status.st_size


def removable_files(folder: Path) -> list[Path]:
    """Parquet files and kept photos."""
    return [*(one.path for one in list_segments(folder).closed if isinstance(one.path, Path)), *_photos(folder)]


def _photos(folder: Path) -> list[Path]:
    home = folder / KEPT_PHOTOS
    return [path for path in home.iterdir() if path.is_file()] if home.is_dir() else []


def _status(path: Path) -> os.stat_result | None:
    """None for a folder, and for a file that another process has just removed."""
    try:
        return path.stat() if path.is_file() else None
    except FileNotFoundError:
        return None
