"""Loading a version: verified by its digest, if there is memory for it, and warmed up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flowers_tfx import registry
from flowers_tfx.errors import InputError, first_line
from flowers_tfx.inference.engines import LiteRtEngine
from flowers_tfx.model.features_network import features_network
from flowers_tfx.serving.loaded_version import LoadedVersion, VersionFacts
from flowers_tfx.serving.memory import available_memory, needed_memory
from flowers_tfx.serving.version_states import ErrorCode
from flowers_tfx.serving.warm_up import WarmUpFailed, warm_up


class KeptOut(Exception):
    """The version cannot serve, and why: a sentence. Trying again helps only when its files change."""

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


def load_version(registry_uri: str, number: int, *, max_pixels: int, threads: int, freed: Callable[[LoadedVersion], None]) -> LoadedVersion:
    """Raises KeptOut, and InputError, OSError or RuntimeError if the version cannot be fetched from the registry."""
    path = registry.version_path(registry_uri, number)
    with registry.local_model(path) as folder:
        entry = _verify(folder, number)
        _check_memory(folder, threads)
        engine = _start_engine(folder, max_pixels, threads)
        facts = VersionFacts(str(number), path, engine.labels, entry.created, entry.digest, features_network(folder))
    return LoadedVersion(facts, engine, freed)


def _verify(folder: Path, number: int) -> registry.Entry:
    """Of the copy that is loaded, not of the one in the registry."""
    entry = registry.entry(str(folder.parent), number)
    if damage := registry.damage(str(folder.parent), entry):
        raise KeptOut("DATA_LOSS", f"It is damaged: {damage}.")
    return entry


def _check_memory(folder: Path, threads: int) -> None:
    available = available_memory()
    try:
        needed = needed_memory(folder, threads)
    except OSError:
        return  # no LiteRT model: the engine says so
    if available is not None and needed > available:
        raise KeptOut("RESOURCE_EXHAUSTED", f"It needs {needed / 1e6:.0f} MB of memory, and {available / 1e6:.0f} MB are available.")


def _start_engine(folder: Path, max_pixels: int, threads: int) -> LiteRtEngine:
    try:
        engine = LiteRtEngine(folder, max_pixels)
        warm_up(engine, folder, threads)
    except WarmUpFailed as failure:
        raise KeptOut("INTERNAL", f"It failed its warm-up: {failure}.") from None
    except InputError as error:
        raise KeptOut("FAILED_PRECONDITION", error.message) from None
    except Exception as error:  # noqa: BLE001 - whatever a model does to its interpreter, the service goes on
        raise KeptOut("INTERNAL", f"It does not run: {type(error).__name__}: {first_line(error)}") from None
    return engine
