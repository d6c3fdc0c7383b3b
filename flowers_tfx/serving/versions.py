"""Which versions of the model answer: the serving one, a canary for a share of the requests, a shadow that is only compared."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from flowers_tfx import registry
from flowers_tfx.errors import InputError
from flowers_tfx.serving.loaded_version import LoadedVersion, load_version

State = Literal["START", "LOADING", "AVAILABLE", "UNLOADING", "END"]
ErrorCode = Literal["OK", "FAILED_PRECONDITION", "DATA_LOSS", "RESOURCE_EXHAUSTED", "INTERNAL"]


@dataclass(frozen=True)
class VersionState:
    """As TensorFlow Serving reports a version; `message`: why it does not serve, or what is to be known of it."""

    version: str
    state: State
    error_code: ErrorCode = "OK"
    message: str = ""

    def as_json(self) -> dict[str, Any]:
        """An element of `model_version_status`."""
        return {"version": self.version, "state": self.state, "status": {"error_code": self.error_code, "error_message": self.message}}


class VersionMetrics(Protocol):
    """What the manager counts."""

    def version_changed(self, version: str, change: Literal["loaded", "kept out", "taken out", "freed"]) -> None: ...

    def version_roles(self, roles: Mapping[str, str]) -> None:
        """Version to its role, "serving", "canary" or "shadow", of all loaded versions."""

    def shadow_compared(self, version: str, same_label: bool, difference: float) -> None:
        """`difference`: the largest of a probability."""

    def shadow_skipped(self, version: str, photos: int) -> None:
        """Photos that the shadow was not asked about, under load."""


class VersionManager:
    """`version`: pinned for this process, whatever the registry's pin says; `canary`: a version and its share of the requests;
    `threads`: how many ask a version at the same time; `is_busy`: whether requests wait, so that the shadow is not asked.

    Threads can share it. Versions are read from the registry every `poll_s` seconds.
    """

    def __init__(
        self,
        registry_uri: str,
        *,
        max_pixels: int,
        poll_s: float,
        version: int | None = None,
        canary: tuple[int, float] | None = None,
        shadow: int | None = None,
        threads: int = 1,
        metrics: VersionMetrics | None = None,
        is_busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self._registry, self._max_pixels, self._poll_s = registry_uri, max_pixels, poll_s
        self._version, self._canary, self._shadow = version, canary, shadow
        self._metrics, self.is_busy = metrics, is_busy
        self._guard = threading.Lock()
        self._loaded: dict[str, LoadedVersion] = {}
        self._states: dict[str, VersionState] = {}
        self._serving = ""

    def start(self) -> None:
        """Loads the version that is to serve, then watches the registry. Raises InputError if no version can be used."""
        number = self._version if self._version is not None else registry.serving_version(self._registry)
        path = registry.version_path(self._registry, number)
        with registry.local_model(path) as folder:
            loaded = load_version(folder, registry.entry(self._registry, number), path, self._max_pixels, lambda _: None)
        self._loaded[loaded.version] = loaded
        self._states[loaded.version] = VersionState(loaded.version, "AVAILABLE")
        self._serving = loaded.version

    def stop(self) -> None:
        """Ends watching, and frees all versions when their last request has ended."""
        for loaded in self._loaded.values():
            loaded.retire()

    @property
    def serving(self) -> str:
        """The version that answers; empty if none does."""
        return self._serving

    def choose(self, key: str) -> LoadedVersion:
        """The version that answers the request with this id, acquired: use it in `with`. The same id gives the same version.

        Raises InputError if no version can answer now.
        """
        with self._guard:
            if not self._serving:
                raise InputError("No version of the model can answer.", "Try again later.")
            return self._loaded[self._serving].acquire()

    def get(self, version: int) -> LoadedVersion:
        """A version that somebody named, acquired. Raises InputError for one that does not answer here."""
        with self._guard:
            loaded = self._loaded.get(str(version))
            if loaded is None:
                raise InputError(f"Version {version} is not served here.", f"Versions that answer: {', '.join(self._loaded)}.")
            return loaded.acquire()

    def states(self) -> list[VersionState]:
        """Of all versions that were loaded or tried, newest first."""
        with self._guard:
            return sorted(self._states.values(), key=lambda state: -int(state.version))

    def take_out(self, version: str, reason: str) -> None:
        """Takes a version out of service whose answer cannot be used; the one before it takes over, as soon as it is loaded."""
        with self._guard:
            self._states[version] = VersionState(version, "END", "INTERNAL", reason)
            if self._serving == version:
                self._serving = ""

    def ask_shadow(self, key: str, photos: Sequence[bytes], answers: Sequence[object]) -> None:
        """Lets the shadow version answer the photos later, if nobody waits, and compares its answers with these. Returns at once."""
