"""The model registry: REGISTRY/<version>/ is a SavedModel as TensorFlow Serving reads it, versions ascend, and a version is there whole
or not at all. Beside each pushed model lies what it was trained on: its recipe and the digests of its spans."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flowers_tfx.errors import InputError

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


def local_registry(registry: str) -> Path:
    """The registry's folder. Raises InputError for a bucket: this version publishes to folders only."""
    if "://" in registry:
        raise InputError(f"The registry {registry} is not a folder.", "Buckets are not supported yet: name a local folder with `registry`.")
    return Path(registry)


def versions(registry: str) -> list[int]:
    """Versions that hold a SavedModel, ascending."""
    root = local_registry(registry)
    if not root.is_dir():
        return []
    return sorted(int(path.name) for path in root.iterdir() if path.name.isdecimal() and (path / "saved_model.pb").is_file())


def entry(registry: str, version: int) -> Entry:
    """What the registry says of a version; the recipe is empty where something else put it there or the record is broken."""
    folder = local_registry(registry) / str(version)
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
    if found.damage or model_digest(local_registry(registry) / str(found.version)) == found.digest:
        return found.damage
    return "its files were changed after it was pushed"


def newest_model(registry: str) -> Path:
    """Folder of the newest version. Raises InputError when there is none."""
    found = versions(registry)
    if not found:
        raise InputError(f"The registry {registry} holds no model.", "Run the pipeline first: flowers run --config FILE.")
    return local_registry(registry) / str(found[-1])


def model_digest(folder: Path) -> str:
    """sha256 over the names and bytes of a model's files, the registry's own record and the baseline left out."""
    return files_digest(folder, lambda path: path != folder / ENTRY_FILE and folder / BASELINE_DIR not in path.parents)


def files_digest(folder: Path, counts: Callable[[Path], bool] = lambda _: True) -> str:
    """sha256 over the names and bytes of the files below a folder."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and counts(p)):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def publish(model: Path, registry: str, recipe: str, spans: tuple[Mapping[str, Any], ...], push_id: str) -> Entry:
    """Publishes a SavedModel as the next version, by one rename. The same model of the same recipe is published once."""
    root = local_registry(registry)
    root.mkdir(parents=True, exist_ok=True)
    digest = model_digest(model)
    with _locked(root):
        _remove_unfinished(root)
        taken = [int(path.name) for path in root.iterdir() if path.name.isdecimal()]
        for version in reversed(versions(registry)):
            known = entry(registry, version)
            if (known.digest, known.recipe) == (digest, recipe) and not damage(registry, known):
                return known
        # Seconds since 1970 tell people when a version was pushed; a clock that was set back must not break the order.
        version = max(int(time.time()), max(taken, default=0) + 1)
        pushed = Entry(version, digest, recipe, spans, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), push_id)
        unfinished = root / f".{pushed.version}.{uuid.uuid4().hex}.tmp"
        shutil.copytree(model, unfinished)
        record = unfinished / ENTRY_FILE
        record.parent.mkdir(exist_ok=True)
        kept = {name: value for name, value in asdict(pushed).items() if name not in ("version", "damage")}
        record.write_text(json.dumps(kept, indent=2), encoding="utf-8")
        _sync(unfinished)
        os.rename(unfinished, root / str(pushed.version))
        return pushed


def baseline_digest(registry: str, version: int) -> str:
    """Digest of the baseline that lies beside a version; empty where there is none: an older version, or a killed push."""
    folder = local_registry(registry) / str(version) / BASELINE_DIR
    return files_digest(folder) if (folder / BASELINE_FILE).is_file() else ""


def baseline_is_whole(registry: str, version: int) -> bool:
    """Whether the files beside a version are those that were published."""
    folder = local_registry(registry) / str(version) / BASELINE_DIR
    return _baseline_facts(folder).get("files") == baseline_files_digest(folder)


def baseline_files_digest(folder: Path) -> str:
    """Of a baseline's files, its own record left out, which holds this digest."""
    return files_digest(folder, lambda path: path != folder / BASELINE_FILE)


def baseline_push_id(registry: str, version: int) -> str:
    """The signature that the baseline beside a version was published with; empty where there is none that can be read."""
    return str(_baseline_facts(local_registry(registry) / str(version) / BASELINE_DIR).get("push_id", ""))


def _baseline_facts(folder: Path) -> Mapping[str, Any]:
    """What baseline.json says; nothing where it is missing or damaged."""
    try:
        facts = json.loads((folder / BASELINE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def publish_baseline(source: Path, registry: str, version: int) -> str:
    """Puts the files of `source` beside a version, by one rename; what lies there already gives way. Returns their digest.

    Raises InputError where the version is gone.
    """
    root = local_registry(registry)
    home = root / str(version)
    if not home.is_dir():
        raise InputError(f"Version {version} is gone from the registry {registry}.", "Run again: the model is pushed anew.")
    with _locked(root):
        _remove_unfinished(root)
        unfinished = root / f".{version}.{uuid.uuid4().hex}.tmp"
        shutil.copytree(source, unfinished)
        _sync(unfinished)
        place = home / BASELINE_DIR
        place.parent.mkdir(exist_ok=True)
        if place.exists():
            os.rename(place, root / f".{version}.{uuid.uuid4().hex}.tmp")
        os.rename(unfinished, place)
        _remove_unfinished(root)
    return files_digest(home / BASELINE_DIR)


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[None]:
    with (root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


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
