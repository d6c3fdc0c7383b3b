"""A pin says which version serves, whatever is pushed: one small JSON file in the registry's root. Without one the newest version serves
(docs/adr/0021)."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from flowers_tfx import storage
from flowers_tfx.errors import InputError
from flowers_tfx.registry.versions import Entry, damage, entries_newest_first, entry, newest_version, version_path, versions
from flowers_tfx.storage import StoragePath

PIN_FILE = "pin.json"


@dataclass(frozen=True)
class Pin:
    """`when`: ISO 8601, UTC."""

    version: int
    when: str = ""


def pin_path(registry: str) -> StoragePath:
    return storage.storage_path(registry) / PIN_FILE


def read_pin(registry: str) -> Pin | None:
    """None where nothing is pinned. Raises InputError for a file that cannot be read or does not name a version."""
    path = pin_path(registry)
    try:
        pin = json.loads(path.read_text(encoding="utf-8"))
        version, when = pin["version"], pin.get("when", "")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InputError(f"The pin {path} cannot be read: {error.strerror or error}.", "Check its permissions.") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        version = when = None
    if type(version) is not int or version < 0:
        raise InputError(f"The pin {path} cannot be read.", "Pin a version again, or remove it: flowers registry unpin.")
    return Pin(version, str(when))


def write_pin(registry: str, version: int) -> Pin:
    """The last one who writes decides. Raises InputError if the registry cannot be written to."""
    pin = Pin(version, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    path, content = pin_path(registry), (json.dumps(asdict(pin)) + "\n").encode()
    if isinstance(path, Path):
        with storage.atomic_file(path) as unfinished:
            unfinished.write_bytes(content)
    else:
        path.write_bytes(content)
    return pin


def pin_version(registry: str, version: int) -> Pin:
    """Pins a version that is there and whole: it serves from now on, whatever is pushed. Raises InputError for another one."""
    _check_usable(registry, version)
    # `flowers gc` has this lock while it decides and removes.
    with storage.lock(storage.storage_path(registry)):
        if version not in versions(registry):
            raise InputError(f"Version {version} was removed from the registry {registry} just now.", "Pin another version.")
        return write_pin(registry, version)


def roll_back(registry: str) -> Pin:
    """Pins the version before the one that serves. Raises InputError if there is none, or if it is damaged."""
    serving = serving_version(registry)
    older = [number for number in versions(registry) if number < serving]
    if not older:
        raise InputError(f"There is no version before {serving}, which serves.", "See what there is: flowers registry list.")
    _check_usable(registry, older[-1])
    return write_pin(registry, older[-1])


def _check_usable(registry: str, version: int) -> None:
    numbers = versions(registry)
    if version not in numbers:
        last = ", ".join(map(str, numbers[-3:]))
        hint = f"The newest versions are {last}; flowers registry list shows all." if numbers else "Push one: flowers run --config FILE."
        raise InputError(f"There is no version {version} in the registry {registry}.", hint)
    try:
        reason = damage(registry, entry(registry, version))
    except OSError as error:
        raise InputError(f"Version {version} cannot be read: {error.strerror or error}.", "Check the permissions of its files.") from error
    if reason:
        raise InputError(f"Version {version} is damaged: {reason}.", "Pin another version: flowers registry pin VERSION.")


def remove_pin(registry: str) -> bool:
    """Whether there was one. Raises InputError if it cannot be removed."""
    path = pin_path(registry)
    try:
        if not path.is_file():
            return False
        path.unlink()
    except FileNotFoundError:
        return False  # another process was quicker
    except OSError as error:
        raise InputError(f"{path} can't be removed: {error.strerror}.", "Check its permissions.") from None
    return True


def serving_version(registry: str) -> int:
    """The pinned version, else the newest. Raises InputError if there is none, or if the pin names one that is not there."""
    pin = read_pin(registry)
    if pin is None:
        return newest_version(registry)
    if pin.version not in versions(registry):
        raise InputError(
            f"Version {pin.version}, which is pinned in {pin_path(registry)}, is not in the registry.",
            "Pin another version with `flowers registry pin`, or serve the newest again: flowers registry unpin.",
        )
    return pin.version


def serving_model(registry: str) -> StoragePath:
    """Folder of the version that serves. Raises InputError as `serving_version` does."""
    return version_path(registry, serving_version(registry))


def serving_with_other_fingerprint(registry: str, fingerprint: str) -> Entry | None:
    """What a candidate with this fingerprint is compared with: the version that serves, or where that is the candidate's own model, the
    newest other one before it. A version that was pushed after a pinned one answers nobody, so nothing is compared with it.

    Raises InputError if the pin names a version that is not there.
    """
    if read_pin(registry) is None and not versions(registry):
        return None
    serving = serving_version(registry)
    older = (entry for entry in entries_newest_first(registry) if entry.version <= serving)
    return next((entry for entry in older if entry.fingerprint != fingerprint), None)


def not_served_reason(registry: str, version: int) -> str:
    """Why a version that was pushed does not serve; empty if it does."""
    try:
        serving = serving_version(registry)
    except InputError as error:
        return f"Version {version} was pushed, but no version serves: {error.message}"
    if serving == version:
        return ""
    pinned = f"version {serving} is pinned in {pin_path(registry)}" if read_pin(registry) else f"version {serving} is newer"
    return f"Version {version} is in the registry and does not serve: {pinned}."
