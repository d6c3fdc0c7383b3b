"""Which versions of the model answer: the serving one, a canary for a share of the requests, a shadow that is only compared.

A thread watches the registry. A new version is verified, loaded and warmed up beside the old one, which answers meanwhile and is freed when
its last request has ended (docs/adr/0021).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from flowers_tfx import registry
from flowers_tfx.data.pictures import BadPicture
from flowers_tfx.errors import InputError
from flowers_tfx.inference.answer import Answer
from flowers_tfx.serving.loaded_version import LoadedVersion
from flowers_tfx.serving.registry_reader import RegistryReader, RegistryView, Signature
from flowers_tfx.serving.shadow import Shadow
from flowers_tfx.serving.version_choice import is_in_share, serving_candidates
from flowers_tfx.serving.version_loading import KeptOut, load_version
from flowers_tfx.serving.version_states import NoMetrics, Role, VersionMetrics, VersionState
from flowers_tfx.serving.version_table import VersionTable

_LOG = logging.getLogger(__name__)
_SETTLE_S = 2.0  # so long nothing changed in a folder that is no longer being copied
_STOP_S = 5.0  # that `stop` waits for a version that is being loaded
_READING_FAILS = (InputError, OSError, RuntimeError)  # what a disk or a bucket raises


class VersionManager:
    """`version`: pinned for this process, whatever the registry's pin says; `canary`: a version and its share of the requests;
    `threads`: how many ask a version at the same time; `is_busy`: whether requests wait, so that the shadow is not asked.

    Threads can share it. The registry is looked at every `poll_s` seconds.
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
        self._registry, self._max_pixels, self._poll_s, self._threads = registry_uri, max_pixels, poll_s, threads
        self._version, self._share = version, canary[1] if canary else 0.0
        self._trials: dict[Role, int] = {**({"canary": canary[0]} if canary else {}), **({"shadow": shadow} if shadow is not None else {})}
        self._metrics: VersionMetrics = metrics or NoMetrics()
        self._is_busy = is_busy
        self._reader = RegistryReader(registry_uri, _SETTLE_S)
        self._table = VersionTable(self._metrics)
        # The files of versions as they were when they were loaded, and when they were kept or taken out.
        self._loaded_files: dict[int, Signature] = {}
        self._bad_files: dict[int, Signature] = {}
        self._copying: set[int] = set()
        self._reading_error = ""
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="versions", daemon=True)
        self._shadow: Shadow | None = None

    def start(self) -> None:
        """Loads the version that is to serve, then watches the registry. Raises InputError if no version can be used."""
        registry.remove_abandoned_copies()
        deadline = time.monotonic() + 2 * _SETTLE_S
        self.update()
        while not self.serving and self._copying and time.monotonic() < deadline:
            time.sleep(_SETTLE_S / 4)
            self.update()
        if not self.serving:
            raise self._no_version()
        if "shadow" in self._trials:
            self._shadow = Shadow(self._metrics, self._is_busy, self.take_out)
        self._watcher.start()

    def stop(self) -> None:
        """Ends watching. Versions are freed when their last request has ended."""
        self._stopping.set()
        self._wake.set()
        if self._watcher.is_alive():
            self._watcher.join(_STOP_S)
        if self._shadow is not None:
            self._shadow.stop()
        self._table.clear()

    @property
    def serving(self) -> str:
        """The version that answers; empty if none does."""
        number = self._table.number("serving")
        return "" if number is None else str(number)

    def choose(self, key: str) -> LoadedVersion:
        """The version that answers the request with this id, acquired: use it in `with`. The same id gives the same version.

        Raises InputError if no version can answer now.
        """
        roles: tuple[Role, ...] = ("canary", "serving") if is_in_share(key, self._share) else ("serving",)
        loaded = self._table.acquire(*roles)
        if loaded is None:
            raise self._no_version()
        return loaded

    def get(self, version: int) -> LoadedVersion:
        """A version that somebody named, acquired. Raises InputError for one that does not answer here."""
        loaded = self._table.acquire_number(version)
        if loaded is None:
            raise InputError(f"Version {version} is not served here.", f"Versions that answer: {', '.join(self._table.answering())}.")
        return loaded

    def states(self) -> list[VersionState]:
        """Of all versions that were loaded or tried, newest first."""
        return self._table.states()

    def take_out(self, version: str, reason: str) -> None:
        """Takes a version out of service whose answer cannot be used; the one before it takes over, as soon as it is loaded."""
        number = int(version)
        if not self._table.take_out(number, reason):
            return
        self._bad_files[number] = self._loaded_files[number]
        self._metrics.version_changed(version, "taken out")
        _LOG.error("version %s was taken out of service: %s", version, reason)
        self._wake.set()

    def ask_shadow(self, answered_by: LoadedVersion, photos: Sequence[bytes], answers: Sequence[Answer | BadPicture]) -> None:
        """Lets the shadow version answer the photos later, if nobody waits then, and compares its answers with these. Returns at once."""
        shadow = self._table.acquire("shadow") if self._shadow is not None else None
        if shadow is not None and self._shadow is not None:
            self._shadow.ask(shadow, answered_by.labels, photos, answers)

    def update(self) -> None:
        """One look at the registry, and what follows from it. Only the watching thread calls it once it runs."""
        try:
            view = self._reader.view()
            self._reading_error = ""
        except _READING_FAILS as error:
            if str(error) != self._reading_error:
                _LOG.error("the registry cannot be read, version %s serves on: %s", self.serving or "none", error)
            self._reading_error = str(error)
            return
        self._copying.clear()
        self._update_serving(view)
        for role, number in self._trials.items():
            self._update_trial(role, number, view)
        wanted = {number for number in (self._version, view.pinned, *self._trials.values()) if number is not None}
        for number in self._table.note_removed(view.numbers, wanted):
            _LOG.warning("version %s was removed from the registry while it is in use; it stays in memory", number)

    def _update_serving(self, view: RegistryView) -> None:
        before = self._table.number("serving")
        on_trial = set(self._trials.values())
        for number in serving_candidates(view.numbers, only=self._version, pinned=view.pinned, on_trial=on_trial, serving=before):
            if number == before:
                return
            loaded = self._usable(number, view)
            if loaded is not None:
                self._table.assign("serving", loaded)
                _LOG.info("version %s serves%s", number, "" if before is None else f", before it {before}")
                return

    def _update_trial(self, role: Role, number: int, view: RegistryView) -> None:
        if self._table.number(role) != number and (loaded := self._usable(number, view)) is not None:
            self._table.assign(role, loaded)
            _LOG.info("version %s is the %s", number, role)

    def _usable(self, number: int, view: RegistryView) -> LoadedVersion | None:
        """The version, loaded if it was not; None if it cannot be used, which its state says."""
        loaded = self._table.loaded(number)
        if loaded is not None:
            return loaded
        if number not in view.numbers:
            self._keep_waiting(number, "It is not in the registry.")
            return None
        try:
            files = self._reader.signature(number)
            return None if self._bad_files.get(number) == files else self._load(number, files)
        except _READING_FAILS as error:  # tried again at the next look
            self._keep_waiting(number, f"It cannot be fetched: {error}")
            return None

    def _load(self, number: int, files: Signature) -> LoadedVersion | None:
        is_settled = self._reader.is_settled(number, files)
        if not is_settled and not self._reader.has_record(number):
            self._copying.add(number)
            self._keep_waiting(number, "Its files are being copied.")
            return None
        self._table.set_state(number, "LOADING")
        try:
            loaded = load_version(self._registry, number, max_pixels=self._max_pixels, threads=self._threads, freed=self._table.freed)
        except KeptOut as refusal:
            if not is_settled:
                self._copying.add(number)
                self._keep_waiting(number, f"Its files are being copied. {refusal.reason}")
                return None
            self._bad_files[number] = files
            self._table.set_state(number, "END", refusal.code, refusal.reason)
            self._metrics.version_changed(str(number), "kept out")
            _LOG.error("version %s stays out: %s", number, refusal.reason)
            return None
        self._loaded_files[number] = files
        self._metrics.version_changed(str(number), "loaded")
        return loaded

    def _keep_waiting(self, number: int, reason: str) -> None:
        if self._table.set_state(number, "START", "UNAVAILABLE", reason):
            _LOG.warning("version %s waits: %s", number, reason)

    def _no_version(self) -> InputError:
        reasons = [f"version {state.version}: {state.message}" for state in self.states() if state.message]
        if not reasons and not self._reading_error:
            return InputError(f"The registry {self._registry} holds no model.", "Run the pipeline first: flowers run --config FILE.")
        hint = "Push a model, or pin another one." if self._version is None else "`flowers registry list` names the versions."
        return InputError(f"No version of the model can be used: {self._reading_error or reasons[0]}", hint)

    def _watch(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(self._poll_s)
            self._wake.clear()
            if self._stopping.is_set():
                return
            try:
                self.update()
            except Exception:  # noqa: BLE001 - the service must not stay without a watcher
                _LOG.exception("a look at the registry failed")
