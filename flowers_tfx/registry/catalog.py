"""The model registry: REGISTRY/<version>/ is a SavedModel as TensorFlow Serving reads it, versions ascend, and a version is there whole
or not at all: on a disk by a rename, in a bucket by its record, which is written last, and without which it is no version. Beside each
pushed model lies what it was trained on: its recipe and the digests of its spans."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flowers_tfx import storage
from flowers_tfx.errors import InputError
from flowers_tfx.registry.bucket_versions import BucketVersions, writing_versions
from flowers_tfx.storage import BucketPath, StoragePath

LABELS_FILE = "assets.extra/labels.txt"
ENTRY_FILE = "assets.extra/registry.json"
# What the data review compares new photos with: published after the model, beside it.
BASELINE_DIR = "assets.extra/baseline"
BASELINE_FILE = "baseline.json"
NO_BASELINE = "none"


@dataclass(frozen=True)
class Entry:
    """A pushed version: `digest` is that of the model's files, `recipe` that of window, code and settings, `spans` what it was trained
    on, `push_id` the signature of the push, `damage` what is wrong with it, empty for a version that can be used."""

    version: int
    digest: str
    recipe: str
    spans: tuple[Mapping[str, Any], ...] = ()
    created: str = ""
    push_id: str = ""
    damage: str = ""


def version_path(registry: str, version: int) -> StoragePath:
    """Where a version lies. Raises InputError for a registry that is neither a folder nor a place in a bucket."""
    return storage.storage_path(registry) / str(version)


def versions(registry: str) -> list[int]:
    """Versions that hold a SavedModel, ascending."""
    root = storage.storage_path(registry)
    if isinstance(root, BucketPath):
        names = root.file_sizes()
        found = {name.partition("/")[0] for name in names}
        return sorted(int(v) for v in found if v.isdecimal() and {f"{v}/saved_model.pb", f"{v}/{ENTRY_FILE}"} <= names.keys())
    if not root.is_dir():
        return []
    return sorted(int(path.name) for path in root.iterdir() if path.name.isdecimal() and (path / "saved_model.pb").is_file())


def entry(registry: str, version: int) -> Entry:
    """What the registry says of a version; the recipe is empty where something else put it there or the record is broken."""
    folder = version_path(registry, version)
    try:
        record = json.loads((folder / ENTRY_FILE).read_text(encoding="utf-8"))
        return Entry(version, record["digest"], record["recipe"], tuple(record["spans"]), record["created"], record["push_id"])
    except FileNotFoundError:
        return Entry(version, model_digest(folder), recipe="")
    except (OSError, ValueError, KeyError, TypeError):
        return Entry(version, digest="", recipe="", damage=f"its record, {ENTRY_FILE}, cannot be read")


def newest_of_another_recipe(registry: str, recipe: str) -> Entry | None:
    """The serving model that a candidate is compared with: a model is never its own baseline."""
    entries = (entry(registry, version) for version in reversed(versions(registry)))
    return next((found for found in entries if found.recipe != recipe), None)


def newest_of_recipe(registry: str, recipe: str) -> Entry | None:
    """What was pushed of this recipe already; a damaged version is to be pushed anew."""
    entries = (entry(registry, version) for version in reversed(versions(registry)))
    return next((found for found in entries if found.recipe == recipe and not damage(registry, found)), None)


def damage(registry: str, found: Entry) -> str:
    """What is wrong with a version, its files read once; empty where nothing is."""
    if found.damage or model_digest(version_path(registry, found.version)) == found.digest:
        return found.damage
    return "its files were changed after it was pushed"


def newest_model(registry: str) -> StoragePath:
    """Folder of the newest version. Raises InputError when there is none."""
    found = versions(registry)
    if not found:
        raise InputError(f"The registry {registry} holds no model.", "Run the pipeline first: flowers run --config FILE.")
    return version_path(registry, found[-1])


@contextlib.contextmanager
def model_on_disk(model: StoragePath) -> Iterator[Path]:
    """The version's folder, or a copy of one in a bucket without what only reviews need; the copy goes with the block."""
    if isinstance(model, Path):
        yield model
        return
    with tempfile.TemporaryDirectory() as folder:
        storage.fetch(model, Path(folder) / model.name, lambda name: not name.startswith(f"{BASELINE_DIR}/"))
        yield Path(folder) / model.name


def model_digest(folder: StoragePath) -> str:
    """sha256 over the names and bytes of a model's files, the registry's own record and the baseline left out."""
    return files_digest(folder, lambda name: name != ENTRY_FILE and not name.startswith(f"{BASELINE_DIR}/"))


def files_digest(folder: StoragePath, counts: Callable[[str], bool] = lambda _: True) -> str:
    """sha256 over the names and bytes of the files below a folder."""
    digest = hashlib.sha256()
    for name in storage.file_sizes(folder):
        if counts(name):
            digest.update(name.encode() + b"\0" + hashlib.sha256((folder / name).read_bytes()).digest())
    return digest.hexdigest()


def publish(model: Path, registry: str, recipe: str, spans: tuple[Mapping[str, Any], ...], push_id: str) -> Entry:
    """Publishes a SavedModel as the next version. The same model of the same recipe is published once.

    Raises InputError where the registry cannot be written to.
    """
    digest = model_digest(model)
    with _writing(registry) as writer:
        for version in reversed(versions(registry)):
            known = entry(registry, version)
            if (known.digest, known.recipe) == (digest, recipe) and not damage(registry, known):
                return known
        # Seconds since 1970 tell people when a version was pushed; a clock that was set back must not break the order.
        version = max(int(time.time()), max(writer.taken(), default=0) + 1)
        pushed = Entry(version, digest, recipe, spans, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), push_id)
        kept = {name: value for name, value in asdict(pushed).items() if name not in ("version", "damage")}
        writer.put_version(model, version, json.dumps(kept, indent=2))
        return pushed


def baseline_digest(registry: str, version: int) -> str:
    """Digest of the baseline that lies beside a version; empty where there is none: an older version, or a killed push."""
    folder = version_path(registry, version) / BASELINE_DIR
    return files_digest(folder) if (folder / BASELINE_FILE).is_file() else ""


def baseline_is_whole(registry: str, version: int) -> bool:
    """Whether the files beside a version are those that were published."""
    folder = version_path(registry, version) / BASELINE_DIR
    return _baseline_facts(folder).get("files") == baseline_files_digest(folder)


def baseline_files_digest(folder: StoragePath) -> str:
    """Of a baseline's files, its own record left out, which holds this digest."""
    return files_digest(folder, lambda name: name != BASELINE_FILE)


def baseline_push_id(registry: str, version: int) -> str:
    """The signature that the baseline beside a version was published with; empty where there is none that can be read."""
    return str(_baseline_facts(version_path(registry, version) / BASELINE_DIR).get("push_id", ""))


def _baseline_facts(folder: StoragePath) -> Mapping[str, Any]:
    """What baseline.json says; nothing where it is missing or damaged."""
    try:
        facts = json.loads((folder / BASELINE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def publish_baseline(source: Path, registry: str, version: int) -> str:
    """Puts the files of `source` beside a version; what lies there already gives way. Returns their digest.

    Raises InputError where the version is gone.
    """
    home = version_path(registry, version)
    if not home.is_dir():
        raise InputError(f"Version {version} is gone from the registry {registry}.", "Run again: the model is pushed anew.")
    with _writing(registry) as writer:
        writer.put_baseline(source, version)
    return files_digest(home / BASELINE_DIR)


@contextlib.contextmanager
def _writing(registry: str) -> Iterator[_FolderVersions | BucketVersions]:
    """Holds the registry, which is made if need be, for one writer, and removes what killed ones left."""
    root = storage.storage_path(registry)
    if isinstance(root, BucketPath):
        with writing_versions(root, ENTRY_FILE, BASELINE_DIR, BASELINE_FILE) as writer:
            yield writer
        return
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _remove_unfinished(root)
        yield _FolderVersions(root)


class _FolderVersions:
    """What is published in a folder appears by one rename."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def taken(self) -> list[int]:
        return [int(path.name) for path in self._root.iterdir() if path.name.isdecimal()]

    def put_version(self, model: Path, version: int, record: str) -> None:
        unfinished = self._unfinished(version)
        shutil.copytree(model, unfinished)
        (unfinished / ENTRY_FILE).parent.mkdir(exist_ok=True)
        (unfinished / ENTRY_FILE).write_text(record, encoding="utf-8")
        _sync(unfinished)
        os.rename(unfinished, self._root / str(version))

    def put_baseline(self, source: Path, version: int) -> None:
        unfinished = self._unfinished(version)
        shutil.copytree(source, unfinished)
        _sync(unfinished)
        place = self._root / str(version) / BASELINE_DIR
        place.parent.mkdir(exist_ok=True)
        if place.exists():
            os.rename(place, self._unfinished(version))
        os.rename(unfinished, place)
        _remove_unfinished(self._root)

    def _unfinished(self, version: int) -> Path:
        return self._root / f".{version}.{uuid.uuid4().hex}.tmp"


def _remove_unfinished(root: Path) -> None:
    """Copies that a killed push left behind; the lock is held, so nobody is writing them."""
    for path in root.glob(".*.tmp"):
        shutil.rmtree(path)


def _sync(folder: Path) -> None:
    """Bytes reach the disk before the name does, or a power cut could leave a whole-looking model of empty files."""
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
