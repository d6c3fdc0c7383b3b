"""One version in memory: its engine, what people want to know of it, and who is using it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from flowers_tfx.inference.engines import LiteRtEngine
from flowers_tfx.storage import StoragePath


@dataclass(frozen=True)
class VersionFacts:
    """`version`: its number; `created`: ISO 8601, UTC, empty for a version that another program wrote; `digest`: of the model's files;
    `path`: where it lies in the registry; `network`: what makes its features."""

    version: str
    path: StoragePath
    labels: tuple[str, ...]
    created: str
    digest: str
    network: str = ""


class LoadedVersion:
    """A version that answers. Each user takes it with `acquire` or `with`, and gives it back; it is freed when it was retired and the last
    user has gone."""

    def __init__(self, facts: VersionFacts, engine: LiteRtEngine, freed: Callable[[LoadedVersion], None]) -> None:
        self.facts = facts
        self._engine: LiteRtEngine | None = engine
        self._freed = freed
        self._guard = threading.Lock()
        self._users = 0
        self._retired = False

    @property
    def version(self) -> str:
        return self.facts.version

    @property
    def number(self) -> int:
        return int(self.facts.version)

    @property
    def labels(self) -> tuple[str, ...]:
        return self.facts.labels

    @property
    def engine(self) -> LiteRtEngine:
        """Only for users that acquired the version."""
        if self._engine is None:
            raise RuntimeError(f"version {self.version} was freed")
        return self._engine

    def acquire(self) -> LoadedVersion:
        with self._guard:
            if self._engine is None:
                raise RuntimeError(f"version {self.version} was freed")
            self._users += 1
        return self

    def release(self) -> None:
        with self._guard:
            self._users -= 1
        self._free_if_unused()

    def retire(self) -> None:
        """Frees the version as soon as nobody uses it."""
        self._retired = True
        self._free_if_unused()

    def __enter__(self) -> LoadedVersion:
        """For a version that was acquired already."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()

    def _free_if_unused(self) -> None:
        with self._guard:
            if not self._retired or self._users or self._engine is None:
                return
            self._engine = None
        self._freed(self)
