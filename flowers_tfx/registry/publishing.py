"""Publishing to the model registry: versions, their baselines and their explanations, each visible whole or not at all, one writer at a
time."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from flowers_tfx import storage
from flowers_tfx.errors import InputError
from flowers_tfx.registry.baselines import BASELINE_FILE
from flowers_tfx.registry.bucket_versions import BucketVersions
from flowers_tfx.registry.cards import card_digest
from flowers_tfx.registry.explanations import EXPLANATIONS_RECORD
from flowers_tfx.registry.versions import (
    BASELINE_DIR,
    ENTRY_FILE,
    EXPLANATIONS_DIR,
    Entry,
    damage,
    entry,
    files_digest,
    model_digest,
    version_number,
    version_path,
    versions,
)

_UNFINISHED_NAMES = r"\d+|baseline|explanations"


# The files of a version's card by their names in the version's folder.
CardMaker = Callable[[Entry], Mapping[str, bytes]]


def publish(
    model: Path,
    registry: str,
    fingerprint: str,
    spans: tuple[Mapping[str, Any], ...],
    push_id: str,
    make_card: CardMaker | None = None,
) -> Entry:
    """Publishes a SavedModel as the next version. The same model with the same fingerprint is published once, whatever its card says.

    `make_card` is called once the version is known, and only for a new one.

    Raises InputError if the registry cannot be written to.
    """
    digest = model_digest(model)
    with _registry_writer(registry) as writer:
        for version in reversed(versions(registry)):
            published = entry(registry, version)
            if (published.digest, published.fingerprint) == (digest, fingerprint) and not damage(registry, published):
                return published
        # A version is its push time in seconds since 1970; a clock that was set back must not break the order.
        version = max(int(time.time()), max(writer.used_numbers(), default=0) + 1)
        pushed = Entry(version, digest, fingerprint, spans, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), push_id)
        card = make_card(pushed) if make_card else {}
        pushed = replace(pushed, card=card_digest(card))
        writer.write_version(model, version, card, json.dumps(pushed.as_json(), indent=2))
        return pushed


def publish_baseline(source: Path, registry: str, version: int) -> str:
    """Puts the files of `source` beside a version, and replaces those that lie there. Returns their digest.

    Raises InputError if the version is missing or the registry cannot be written to.
    """
    _publish_beside(source, registry, version, BASELINE_DIR, BASELINE_FILE)
    return files_digest(version_path(registry, version) / BASELINE_DIR)


def publish_explanations(source: Path, registry: str, version: int) -> None:
    """Puts the files of `source`, EXPLANATIONS_RECORD among them, beside a version, and replaces those that lie there.

    Raises InputError if the version is missing or the registry cannot be written to.
    """
    _publish_beside(source, registry, version, EXPLANATIONS_DIR, EXPLANATIONS_RECORD)


def _publish_beside(source: Path, registry: str, version: int, name: str, record: str) -> None:
    if not version_path(registry, version).is_dir():
        raise InputError(f"Version {version} is gone from the registry {registry}.", "Run again: the model is pushed anew.")
    with _registry_writer(registry) as writer:
        writer.write_beside(source, version, name, record)


@contextlib.contextmanager
def _registry_writer(registry: str) -> Iterator[_FolderVersions | BucketVersions]:
    """Locks the registry, which is created if needed, for one writer, and removes what killed writers left."""
    root = storage.storage_path(registry)
    with storage.lock(root) as lock:
        if isinstance(root, Path):
            storage.remove_unfinished(root, _UNFINISHED_NAMES)
            yield _FolderVersions(root)
            return
        writer = BucketVersions(root, lock)
        writer.remove_unpublished()
        yield writer


class _FolderVersions:
    """On a disk, what is published appears by one rename."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def used_numbers(self) -> list[int]:
        numbers = (version_number(path.name) for path in self._root.iterdir())
        return [number for number in numbers if number is not None]

    def write_version(self, model: Path, version: int, card: Mapping[str, bytes], record: str) -> None:
        with storage.atomic_folder(self._root / str(version), durable=True) as folder:
            shutil.copytree(model, folder, dirs_exist_ok=True)
            (folder / ENTRY_FILE).parent.mkdir(exist_ok=True)
            for name, content in card.items():
                (folder / name).write_bytes(content)
            (folder / ENTRY_FILE).write_text(record, encoding="utf-8")

    def write_beside(self, source: Path, version: int, name: str, record: str) -> None:
        target = self._root / str(version) / name
        # Beside the versions, not in one: an unfinished file there would count as a change of the model.
        with storage.atomic_folder(target, durable=True, replace=True, parent=self._root) as folder:
            shutil.copytree(source, folder, dirs_exist_ok=True)
