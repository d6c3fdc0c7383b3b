"""A bucket in memory that can simulate the death of its process: after the kill every call fails and nothing is written."""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from flowers_tfx.storage.store import ABSENT, ConditionFailed, ObjectInfo, ObjectStream


class Killed(BaseException):
    """Raised by every call after the simulated kill."""


class FakeStore:
    def __init__(self, has_conditions: bool = True) -> None:
        self.objects: dict[str, tuple[bytes, int]] = {}
        self.order: list[str] = []  # keys, as they were written
        self.writes_left: int | None = None
        self.has_conditions = has_conditions
        self._guard = threading.Lock()
        self._tag = 0

    def fail_after_writes(self, writes: int | None) -> None:
        """Simulates a kill after so many more writes; None ends the simulation."""
        self.writes_left = writes

    def list_objects(self, prefix: str, recursive: bool = True) -> Iterator[ObjectInfo]:
        self._raise_if_killed()
        folders = set()
        with self._guard:
            objects = dict(self.objects)
        for key in sorted(objects):
            if key.startswith(prefix):
                rest = key[len(prefix) :]
                if recursive or "/" not in rest:
                    yield ObjectInfo(key, len(objects[key][0]), str(objects[key][1]))
                else:
                    folders.add(prefix + rest.partition("/")[0] + "/")
        yield from (ObjectInfo(folder) for folder in sorted(folders))

    def read(self, key: str) -> tuple[bytes, str]:
        self._raise_if_killed()
        try:
            data, tag = self.objects[key]
        except KeyError:
            raise FileNotFoundError(key) from None
        return data, str(tag)

    def stream(self, key: str) -> ObjectStream:
        return ObjectStream(lambda start: io.BytesIO(self.read(key)[0][start:]), contextlib.nullcontext)

    def write(self, key: str, data: bytes, tag: str | None = None) -> str:
        with self._guard:
            if self.writes_left is not None:
                if self.writes_left <= 0:
                    raise Killed
                self.writes_left -= 1
            current_tag = str(self.objects[key][1]) if key in self.objects else ABSENT
            if self.has_conditions and tag is not None and tag != current_tag:
                raise ConditionFailed(key)
            self._tag += 1
            self.objects[key] = data, self._tag
            self.order.append(key)
            return str(self._tag)

    def upload(self, path: Path, key: str) -> None:
        self.write(key, path.read_bytes())

    def copy(self, source: str, key: str) -> None:
        self.write(key, self.read(source)[0])

    def delete(self, keys: Iterable[str]) -> None:
        self._raise_if_killed()
        for key in keys:
            self.objects.pop(key, None)

    def _raise_if_killed(self) -> None:
        if self.writes_left == 0:
            raise Killed
