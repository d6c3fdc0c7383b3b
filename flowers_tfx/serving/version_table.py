"""The versions in memory with their roles, and the states of all that were loaded or tried. Threads can share it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import replace

from flowers_tfx.serving.loaded_version import LoadedVersion
from flowers_tfx.serving.version_states import ErrorCode, Role, State, VersionMetrics, VersionState

_ANSWERING: tuple[Role, ...] = ("serving", "canary")
_REMOVED = "It was removed from the registry and stays in memory."


class VersionTable:
    def __init__(self, metrics: VersionMetrics) -> None:
        self._metrics = metrics
        self._guard = threading.Lock()
        self._roles: dict[Role, LoadedVersion] = {}
        self._states: dict[int, VersionState] = {}

    def number(self, role: Role) -> int | None:
        """The version in this role."""
        with self._guard:
            return self._roles[role].number if role in self._roles else None

    def loaded(self, number: int) -> LoadedVersion | None:
        """The version if it has any role; not acquired."""
        with self._guard:
            return next((loaded for loaded in self._roles.values() if loaded.number == number), None)

    def acquire(self, *roles: Role) -> LoadedVersion | None:
        """The version in the first of these roles that has one."""
        with self._guard:
            return next((self._roles[role].acquire() for role in roles if role in self._roles), None)

    def acquire_number(self, number: int) -> LoadedVersion | None:
        """The version, if it answers."""
        with self._guard:
            versions = (self._roles[role] for role in _ANSWERING if role in self._roles)
            return next((loaded.acquire() for loaded in versions if loaded.number == number), None)

    def answering(self) -> list[str]:
        with self._guard:
            return sorted({self._roles[role].version for role in _ANSWERING if role in self._roles}, key=int)

    def assign(self, role: Role, loaded: LoadedVersion) -> None:
        """From now on the version has this role. The one that had it is freed once its last request has ended, unless it has another."""
        with self._guard:
            before = self._roles.get(role)
            self._roles[role] = loaded
            self._set(loaded.number, "AVAILABLE")
            unused = before if before is not None and before not in self._roles.values() else None
            if unused is not None:
                self._set(unused.number, "UNLOADING")
        self._changed(unused)

    def take_out(self, number: int, reason: str) -> bool:
        """Takes all roles from the version; False if it has none."""
        return self._remove(lambda loaded: loaded.number == number, lambda one: self._set(one, "END", "INTERNAL", reason))

    def clear(self) -> None:
        """Takes all roles from all versions."""
        while self._remove(lambda _: True, lambda one: self._set(one, "UNLOADING")):
            pass

    def freed(self, loaded: LoadedVersion) -> None:
        """Called by the version when it is out of memory."""
        with self._guard:
            state = self._states.get(loaded.number)  # forgotten if it was taken out and then removed from the registry
            if state is not None and state.state == "UNLOADING":
                self._set(loaded.number, "END")
        self._metrics.version_changed(loaded.version, "freed")

    def set_state(self, number: int, state: State, code: ErrorCode = "OK", message: str = "") -> bool:
        """Of a version without a role. False if that was its state already."""
        with self._guard:
            return self._set(number, state, code, message)

    def states(self) -> list[VersionState]:
        """Newest first."""
        with self._guard:
            return [self._states[number] for number in sorted(self._states, reverse=True)]

    def note_removed(self, present: Collection[int], wanted: Collection[int]) -> list[int]:
        """Notes versions that are in memory and no longer in the registry, and forgets those that are in neither, nor wanted. Returns the
        newly noted ones."""
        noted = []
        with self._guard:
            for number, state in list(self._states.items()):
                if number in present:
                    self._states[number] = replace(state, message="") if state.message == _REMOVED else state
                elif state.state == "AVAILABLE" and state.message != _REMOVED:
                    self._states[number] = replace(state, message=_REMOVED)
                    noted.append(number)
                elif state.state in ("START", "END") and number not in wanted:
                    del self._states[number]
        return noted

    def _remove(self, wanted: Callable[[LoadedVersion], bool], set_state: Callable[[int], bool]) -> bool:
        with self._guard:
            loaded = next((one for one in self._roles.values() if wanted(one)), None)
            if loaded is None:
                return False
            self._roles = {role: one for role, one in self._roles.items() if one is not loaded}
            set_state(loaded.number)
        self._changed(loaded)
        return True

    def _set(self, number: int, state: State, code: ErrorCode = "OK", message: str = "") -> bool:
        """Under the guard."""
        new = VersionState(str(number), state, code, message)
        changed = self._states.get(number) != new
        self._states[number] = new
        return changed

    def _changed(self, unused: LoadedVersion | None) -> None:
        """Outside the guard: a version that is freed calls back."""
        with self._guard:
            roles = {role: loaded.version for role, loaded in self._roles.items()}
        self._metrics.version_roles(roles)
        if unused is not None:
            unused.retire()
