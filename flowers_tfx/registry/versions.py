"""Reading the model registry: REGISTRY/<version>/ is a SavedModel as TensorFlow Serving reads it, and versions ascend.

A version is there whole or not at all: on a disk it appears by a rename, in a bucket by its record, which is written last and without
which it is not a version. The record says what the model was trained on: its fingerprint and the digests of its spans.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowers_tfx import storage
from flowers_tfx.errors import InputError
from flowers_tfx.storage import BucketPath, StoragePath

ENTRY_FILE = "assets.extra/registry.json"
MODEL_FILE = "saved_model.pb"
LARGEST_VERSION = 2**63 - 1
# The baseline of the data review, published after the model.
BASELINE_DIR = "assets.extra/baseline"
# The page that explains the model, made after the model was pushed.
EXPLANATIONS_DIR = "assets.extra/explanations"
# The model card. It names the version, so it is written when the version is known; the record has a digest of its own for it.
CARD_FILE, CARD_PAGE = "assets.extra/card.json", "assets.extra/card.html"


@dataclass(frozen=True)
class Entry:
    """A pushed version. `digest`: of the model's files; `fingerprint`: of window, code and settings, called `recipe` in the record;
    `spans`: what it was trained on; `push_id`: the token of the push; `damage`: what is wrong with it, empty for a version that can be
    used; `card`: digest of the model card, empty for a version without one."""

    version: int
    digest: str
    fingerprint: str
    spans: tuple[Mapping[str, Any], ...] = ()
    created: str = ""
    push_id: str = ""
    damage: str = ""
    card: str = ""

    def as_json(self) -> dict[str, Any]:
        """The content of registry.json."""
        return {
            "digest": self.digest,
            "recipe": self.fingerprint,
            "spans": self.spans,
            "created": self.created,
            "push_id": self.push_id,
            **({"card": self.card} if self.card else {}),
        }


def version_path(registry: str, version: int) -> StoragePath:
    """Raises InputError for a registry that is not a folder on a disk or in a bucket."""
    return storage.storage_path(registry) / str(version)


def version_number(folder: str) -> int | None:
    """None for a name that is not the number of a version: ASCII digits without leading zeros, 63 bits as TensorFlow Serving has them."""
    if not (folder.isascii() and folder.isdecimal()):
        return None
    number = int(folder)
    return number if str(number) == folder and number <= LARGEST_VERSION else None


def versions(registry: str) -> list[int]:
    """Versions that hold a SavedModel, ascending. Raises InputError for a registry that cannot be read."""
    root = storage.storage_path(registry)
    if isinstance(root, BucketPath):
        names = root.file_sizes()
        folders = {name.partition("/")[0] for name in names}
        whole = {v for v in folders if {f"{v}/{MODEL_FILE}", f"{v}/{ENTRY_FILE}"} <= names.keys()}
    else:
        try:
            whole = {path.name for path in root.iterdir() if version_number(path.name) is not None and _may_hold_model(path)}
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise InputError(f"The registry {registry} cannot be read: {error.strerror}.", "Check its permissions.") from error
    return sorted(number for number in map(version_number, whole) if number is not None)


def _may_hold_model(folder: Path) -> bool:
    """True for a folder that nobody can look into, too: it is one version that cannot be read, not the end of the others."""
    try:
        return stat.S_ISREG((folder / MODEL_FILE).stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True


def entry(registry: str, version: int) -> Entry:
    """The record of a version; its fingerprint is empty if another program wrote the version or the record is damaged."""
    folder = version_path(registry, version)
    try:
        record = json.loads((folder / ENTRY_FILE).read_text(encoding="utf-8"))
        return Entry(
            version,
            record["digest"],
            record["recipe"],
            tuple(record["spans"]),
            record["created"],
            record["push_id"],
            card=str(record.get("card", "")),
        )
    except FileNotFoundError:
        return Entry(version, model_digest(folder), fingerprint="")
    except (OSError, ValueError, KeyError, TypeError):
        return Entry(version, digest="", fingerprint="", damage=f"its record, {ENTRY_FILE}, cannot be read")


def newest_with_fingerprint(registry: str, fingerprint: str) -> Entry | None:
    """The version that was already pushed with this fingerprint; a damaged version must be pushed again."""
    return next(
        (known for known in entries_newest_first(registry) if known.fingerprint == fingerprint and not damage(registry, known)), None
    )


def entries_newest_first(registry: str) -> Iterator[Entry]:
    return (entry(registry, version) for version in reversed(versions(registry)))


def damage(registry: str, known: Entry) -> str:
    """What is wrong with a version, or an empty string. Reads all its files once."""
    if known.damage or model_digest(version_path(registry, known.version)) == known.digest:
        return known.damage
    return "its files were changed after it was pushed"


def newest_version(registry: str) -> int:
    """Raises InputError when there is none."""
    numbers = versions(registry)
    if not numbers:
        raise InputError(f"The registry {registry} holds no model.", "Run the pipeline first: flowers run --config FILE.")
    return numbers[-1]


def model_digest(folder: StoragePath) -> str:
    """sha256 over the names and bytes of a model's files, the registry's own record, the card and what was added later left out."""
    return files_digest(folder, lambda name: name not in (ENTRY_FILE, CARD_FILE, CARD_PAGE) and not is_added_later(name))


def is_added_later(name: str) -> bool:
    """Whether a file of a version's folder, named relative to it, was put there after the push: it may change while the version serves."""
    return name.startswith((f"{BASELINE_DIR}/", f"{EXPLANATIONS_DIR}/"))


def files_digest(folder: StoragePath, included: Callable[[str], bool] = lambda _: True) -> str:
    """sha256 over the names and bytes of the files below a folder."""
    digest = hashlib.sha256()
    for name in storage.file_sizes(folder):
        if included(name):
            digest.update(name.encode() + b"\0" + hashlib.sha256((folder / name).read_bytes()).digest())
    return digest.hexdigest()
