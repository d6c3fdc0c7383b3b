"""What the trigger remembers, in a folder of the bucket below the data root: several instances work with it at the same time.

    objects/<id>.json          an object that arrived: bucket, name, version, and the delivery that has it; written once for each
    pending/<time>-<id>        empty: a photo that no delivery has yet, and when it arrived, ms; an index, `objects` decides
    open/<delivery>.json       what a delivery that is not finished is of
    deliveries/<delivery>.json its state: who works on it since when, the CSV, the run
    csv/<delivery>.csv         the photos of a delivery
    quiet.json                 the newest delivery that a quiet time started
    newest.json                the CSV of the newest delivery that was submitted

Whatever two instances could do at the same time is a conditional write, so that the store lets one of them do it.
"""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from flowers_tfx.deliveries.cloud_events import StoredObject
from flowers_tfx.storage import BucketPath
from flowers_tfx.storage.store import ABSENT, ConditionFailed, write_conditionally

REQUESTS_AT_A_TIME = 8
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Arrival:
    """A photo in the index of those that no delivery has yet; `time` in seconds since 1970."""

    time: float
    object_id: str
    key: str


class CloudRecords:
    """Methods raise InputError and RuntimeError as `Store` does."""

    def __init__(self, folder: BucketPath) -> None:
        self._store, self._prefix = folder.store, f"{folder.key}/"
        self.folder = folder

    def read(self, name: str) -> tuple[dict[str, Any], str]:
        """A JSON object and its tag; an empty one and ABSENT where there is none."""
        try:
            data, tag = self._store.read(self._prefix + name)
        except FileNotFoundError:
            return {}, ABSENT
        value: dict[str, Any] = json.loads(data)
        return value, tag

    def write(self, name: str, value: dict[str, Any], tag: str | None = None) -> str:
        """The new tag. Raises ConditionFailed unless the file has this tag; no other instance may write the same value."""
        data = (json.dumps(value, ensure_ascii=False, sort_keys=True) + "\n").encode()
        key = self._prefix + name
        return self._store.write(key, data) if tag is None else write_conditionally(self._store, key, data, tag)

    def names(self, folder: str) -> Iterator[str]:
        for entry in self._store.list_objects(f"{self._prefix}{folder}/"):
            yield entry.key.removeprefix(f"{self._prefix}{folder}/")

    def delete(self, names: Iterable[str]) -> None:
        self._store.delete(self._prefix + name for name in names)

    def write_file(self, name: str, data: bytes) -> str:
        """The URI of the file."""
        self._store.write(self._prefix + name, data)
        return f"{self.folder}/{name}"

    def add_photos(self, photos: Iterable[StoredObject], now: float) -> set[str]:
        """Writes down photos that no delivery has yet, and returns the ids of those that were not written down before."""
        photos = list(photos)
        is_new = self._at_once(lambda photo: self._add(photo, now), photos)
        return {photo.id for photo, new in zip(photos, is_new, strict=True) if new}

    def _add(self, stored: StoredObject, now: float) -> bool:
        """The record comes first. A handler that died behind it gets its event again: so the entry of the index is written again, too."""
        name = f"objects/{stored.id}.json"
        record, _ = self.read(name)
        is_new = not record
        if is_new:
            entry = f"pending/{int(now * 1000):014d}-{stored.id}"
            # With a value of its own: of two writers in the same millisecond, one is the first.
            record = {**asdict(stored), "pending": entry, "delivery": None, "writer": uuid.uuid4().hex}
            try:
                self.write(name, record, ABSENT)
            except ConditionFailed:
                return False  # another instance has the same event
        if record["delivery"] is None and record["pending"]:
            self.write_file(record["pending"], b"")
        return is_new

    def arrivals(self) -> list[Arrival]:
        """The photos of the index, in the order of their arrival."""
        arrivals = []
        for name in self.names("pending"):
            time_ms, _, object_id = name.partition("-")
            arrivals.append(Arrival(int(time_ms) / 1000, object_id, f"pending/{name}"))
        return arrivals

    def confirm(self, arrivals: Iterable[Arrival], delivery: str = "") -> list[tuple[Arrival, StoredObject]]:
        """Those that no delivery has, or `delivery` has; entries of the index that are out of date are deleted."""
        arrivals = list(arrivals)
        records = self._at_once(lambda arrival: self.read(f"objects/{arrival.object_id}.json")[0], arrivals)
        current, outdated = [], []
        for arrival, record in zip(arrivals, records, strict=True):
            if record and record["pending"] == arrival.key and record["delivery"] in (None, delivery or None):
                current.append((arrival, StoredObject(record["scheme"], record["bucket"], record["name"], record["version"])))
            else:
                outdated.append(arrival.key)
        self.delete(outdated)
        return current

    def take(self, photos: Iterable[StoredObject], delivery: str) -> dict[str, str]:
        """Gives the photos to a delivery. Returns the ids of those that it has then, with their entries of the index, empty for a photo of
        which no event came: another delivery keeps what it has."""
        photos = list(photos)
        records = self._at_once(lambda photo: self._take(photo, delivery), photos)
        return {photo.id: record["pending"] for photo, record in zip(photos, records, strict=True) if record["delivery"] == delivery}

    def _take(self, photo: StoredObject, delivery: str) -> dict[str, Any]:
        name = f"objects/{photo.id}.json"
        while True:
            record, tag = self.read(name)
            if record and record["delivery"] is not None:
                return record
            record = {**(record or {**asdict(photo), "pending": ""}), "delivery": delivery}
            with contextlib.suppress(ConditionFailed):
                self.write(name, record, tag)
                return record

    def _at_once(self, call: Callable[[T], R], items: list[T]) -> list[R]:
        with ThreadPoolExecutor(REQUESTS_AT_A_TIME) as pool:
            return list(pool.map(call, items))
