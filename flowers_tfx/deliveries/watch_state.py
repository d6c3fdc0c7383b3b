"""What a watcher remembers, in DATA_ROOT/watch/ on a disk or in a bucket:

    state.json               the deliveries that are not ingested yet, and the run that is due, at work or blocked
    delivered.json           the files of the watched place that were delivered, with their stamps
    deliveries/ID/           delivery.csv, which ingest reads, and files.json, the stamps of its files; deleted when it is ingested
    set_aside/ID.json        what gave no photo, and why; with `stamps` where a whole delivery was set aside: without the file, the next
                             watcher delivers it again
    set_aside/left_out.json  entries of the watched place that cannot be listed, and why

Each file is replaced as a whole. Photos are not known by this state but by their content, which spans hold: without it, all files are
delivered once more, and none of their photos is new.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flowers_tfx.data import spans
from flowers_tfx.data.csv_fields import csv_field
from flowers_tfx.deliveries.sources import SourceFile
from flowers_tfx.errors import InputError
from flowers_tfx.storage import BucketPath, StoragePath, atomic_file

FOLDER, CSV = "watch", "delivery.csv"
_STATE, _DELIVERED, _DELIVERIES, _SET_ASIDE, _FILES, _LEFT_OUT = (
    "state.json",
    "delivered.json",
    "deliveries",
    "set_aside",
    "files.json",
    "left_out.json",
)
_FORMAT = 1


@dataclass
class Delivery:
    """Files that are ingested together. `csv`: a CSV of the watched place, empty for photos of class folders; `attempts` that failed;
    no new one before `not_before` (seconds since the epoch)."""

    id: str
    files: int
    csv: str = ""
    attempts: int = 0
    not_before: float = 0.0


@dataclass
class DueRun:
    """A run of the pipeline on what was ingested. `status` is due, started, blocked (it waits for a decision) or failed (it waits for new
    photos or a decision); `deliveries`: ids of those that it is the first run of; `reference`: what the runner finds a started run by."""

    status: str = "due"
    deliveries: list[str] = field(default_factory=list)
    attempts: int = 0
    not_before: float = 0.0
    reference: str = ""
    started: float = 0.0


@dataclass
class WatchState:
    """`decisions`: how many decisions of reviewers the last run knew; None before the first; `version`: the last one that was pushed;
    `exit_code`: of the last run."""

    deliveries: list[Delivery] = field(default_factory=list)
    run: DueRun | None = None
    decisions: int | None = None
    waiting_since: float | None = None
    version: str = ""
    exit_code: int = 0


class StateFolder:
    def __init__(self, data_root: str) -> None:
        self.path: StoragePath = spans.data_root_path(data_root) / FOLDER
        self._written: dict[str, str] = {}

    def load(self) -> WatchState:
        """Raises InputError for a state that was not written by a watcher."""
        value = self._read(_STATE)
        if value is None:
            return WatchState()
        try:
            if value.pop("format") != _FORMAT:
                raise ValueError
            value["deliveries"] = [Delivery(**one) for one in value["deliveries"]]
            value["run"] = DueRun(**value["run"]) if value["run"] else None
            return WatchState(**value)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise self._unreadable(_STATE) from None

    def save(self, state: WatchState) -> None:
        self._write(_STATE, {"format": _FORMAT, **asdict(state)})

    def csv_uri(self, delivery: Delivery) -> str:
        return delivery.csv or str(self.path / _DELIVERIES / delivery.id / CSV)

    def write_delivery(self, delivery: Delivery, files: Mapping[str, SourceFile]) -> None:
        """The delivery counts when it also stands in the state."""
        home = f"{_DELIVERIES}/{delivery.id}"
        if not delivery.csv:
            lines = (f"{csv_field(file.uri)},{csv_field(file.label)}\n" for file in files.values())
            self._write_text(f"{home}/{CSV}", "".join(lines))
        self._write(f"{home}/{_FILES}", {name: file.stamp for name, file in files.items()})

    def stamps(self, delivery: Delivery) -> dict[str, str]:
        return dict(self._read(f"{_DELIVERIES}/{delivery.id}/{_FILES}") or {})

    def remove_deliveries(self, state: WatchState) -> None:
        """Deletes the folders of all deliveries that are not in the state."""
        open_ones = {delivery.id for delivery in state.deliveries}
        home = self.path / _DELIVERIES
        folders: list[StoragePath] = list(home.iterdir()) if home.is_dir() else []
        for folder in folders:
            if folder.name not in open_ones:
                folder.remove() if isinstance(folder, BucketPath) else shutil.rmtree(folder)

    def delivered(self) -> dict[str, str]:
        return dict(self._read(_DELIVERED) or {})

    def save_delivered(self, stamps: Mapping[str, str]) -> None:
        self._write(_DELIVERED, dict(stamps))

    def write_set_aside(self, delivery_id: str, record: Mapping[str, Any]) -> StoragePath:
        return self._write(f"{_SET_ASIDE}/{delivery_id}.json", record)

    def set_aside_stamps(self) -> dict[str, str]:
        """Of the deliveries that were set aside as a whole."""
        home = self.path / _SET_ASIDE
        stamps: dict[str, str] = {}
        paths: list[StoragePath] = list(home.iterdir()) if home.is_dir() else []
        for path in paths:
            if path.name.endswith(".json") and not path.name.startswith(".") and path.name != _LEFT_OUT:
                stamps |= (self._read(f"{_SET_ASIDE}/{path.name}") or {}).get("stamps", {})
        return stamps

    def left_out(self) -> dict[str, str]:
        return dict(self._read(f"{_SET_ASIDE}/{_LEFT_OUT}") or {})

    def save_left_out(self, reasons: Mapping[str, str]) -> StoragePath:
        return self._write(f"{_SET_ASIDE}/{_LEFT_OUT}", reasons)

    def _read(self, name: str) -> Any:
        path = self.path / name
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            raise self._unreadable(name) from None
        if not isinstance(value, dict):
            raise self._unreadable(name)
        return value

    def _unreadable(self, name: str) -> InputError:
        return InputError(
            f"{self.path / name} is not a watcher's state.",
            "Delete the file: all files are then delivered once more, and photos that spans already hold are not new.",
        )

    def _write(self, name: str, value: Any) -> StoragePath:
        # File names that are not UTF-8 are escaped.
        return self._write_text(name, json.dumps(value, indent=1) + "\n")

    def _write_text(self, name: str, text: str) -> StoragePath:
        path = self.path / name
        if self._written.get(name) == text:
            return path
        data = text.encode("utf-8", "surrogateescape")
        if isinstance(path, Path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_file(path) as unfinished:
                unfinished.write_bytes(data)
        else:
            path.write_bytes(data)
        if name == _STATE:
            self._written[name] = text
        return path
