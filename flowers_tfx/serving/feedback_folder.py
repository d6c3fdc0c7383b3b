"""What people told the page, as files: photos, a delivery of them for `flowers ingest`, and a log."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from flowers_tfx.data.file_headers import PNG
from flowers_tfx.errors import InputError
from flowers_tfx.storage import append_line, atomic_file, in_bucket, lock

CSV_FILE = "feedback.csv"
LOG_FILE = "feedback.jsonl"
PHOTOS = "photos"
RECENT = ".recent"  # photos of the last minutes, behind a line of JSON; ingest goes by the CSV and never reads them
_HINT = "Set serving.feedback_dir to a folder on this machine that the server may write to, or leave it empty."


class DiskFull(Exception):
    """The disk has too little space for a photo."""


class FeedbackFolder:
    """`feedback.csv` has a line `photos/SHA256.jpg,class` per photo: the last word on it. Photos that show none of the classes have no
    line. `feedback.jsonl` has everything that anybody said, in order. Processes can share the folder."""

    def __init__(self, folder: str, min_free_bytes: int) -> None:
        """Raises InputError for a folder that cannot be written to."""
        if in_bucket(folder):
            raise InputError(f"Feedback cannot be written to {folder}: it is not on this machine.", _HINT)
        self.path, self._min_free_bytes = Path(folder), min_free_bytes
        try:
            with lock(self.path):
                (self.path / PHOTOS).mkdir(exist_ok=True)
        except (OSError, InputError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise InputError(f"Feedback cannot be written to {folder}: {reason}", _HINT) from error

    def record(self, photo: bytes, label: str | None, details: Mapping[str, Any]) -> str:
        """The photo's path in the folder. `label`: None for none of the classes. DiskFull, or InputError if nothing can be written."""
        if shutil.disk_usage(self.path).free - len(photo) < self._min_free_bytes:
            raise DiskFull
        uri = f"{PHOTOS}/{hashlib.sha256(photo).hexdigest()}{'.png' if photo.startswith(PNG) else '.jpg'}"
        with lock(self.path):
            _write(self.path / uri, photo)
            self._write_line(uri, label)
        time = datetime.now(timezone.utc).isoformat(timespec="seconds")
        append_line(self.path / LOG_FILE, json.dumps({"time": time, "photo": uri, "label": label, **details}, ensure_ascii=False))
        return uri

    def _write_line(self, uri: str, label: str | None) -> None:
        """The file is written anew: the same photo with two classes would be a conflict, of which ingest takes neither."""
        path = self.path / CSV_FILE
        lines = path.read_bytes().split(b"\n") if path.exists() else []
        kept = [line for line in lines if line and not line.startswith(f"{uri},".encode())]
        if label is not None:
            text = io.StringIO()
            csv.writer(text, lineterminator="").writerow((uri, label))
            kept.append(text.getvalue().encode())
        _write(path, b"".join(line + b"\n" for line in kept))


def _write(path: Path, data: bytes) -> None:
    with atomic_file(path) as unfinished, unfinished.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
