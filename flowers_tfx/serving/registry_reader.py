"""The registry as a server sees it: the versions in it, its pin, and whether a version's files are still being copied."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from flowers_tfx import registry, storage

# Name, size and time of the last change of each file of a model; in a bucket, which has no such time of its own, 0.
Signature: TypeAlias = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class RegistryView:
    """`pinned`: None where nothing is pinned."""

    numbers: frozenset[int]
    pinned: int | None


class RegistryReader:
    """`settle_s`: so long nothing changed in a folder that is no longer being copied."""

    def __init__(self, registry_uri: str, settle_s: float) -> None:
        self._registry, self._settle_s = registry_uri, settle_s
        self._since: dict[int, tuple[Signature, float]] = {}

    def view(self) -> RegistryView:
        """Raises InputError, OSError or RuntimeError if the registry or its pin cannot be read."""
        pin = registry.read_pin(self._registry)
        return RegistryView(frozenset(registry.versions(self._registry)), None if pin is None else pin.version)

    def signature(self, number: int) -> Signature:
        """Equal as long as nobody touched the model's files. What belongs to the version and not to its model is left out."""
        folder = registry.version_path(self._registry, number)
        sizes = {name: size for name, size in storage.file_sizes(folder).items() if not registry.is_added_later(name)}
        if isinstance(folder, Path):
            return tuple((name, size, (folder / name).stat().st_ctime_ns) for name, size in sizes.items())
        return tuple((name, size, 0) for name, size in sizes.items())

    def is_settled(self, number: int, signature: Signature) -> bool:
        """Whether the version's files have been as they are for a while. A version in a bucket is whole as soon as it is seen."""
        if storage.in_bucket(self._registry):
            return True
        known, since = self._since.get(number, (None, 0.0))
        if known != signature:
            since = time.monotonic()
            self._since[number] = signature, since
        last_change = max((changed for _, _, changed in signature), default=time.time_ns())
        # By this machine's clock or by the disk's, which can be another machine's.
        return time.monotonic() - since >= self._settle_s or time.time() - last_change / 1e9 >= self._settle_s

    def has_record(self, number: int) -> bool:
        """Whether the version says what its files have to be."""
        return (registry.version_path(self._registry, number) / registry.ENTRY_FILE).is_file()
