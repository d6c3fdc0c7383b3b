"""The folders of a configuration on this machine: free disk, permissions, and whether their clock is this machine's."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from flowers_tfx.doctor.check_result import CheckResult, fail, ok, warn, worst

_LEAST_BYTES = 500 * 2**20  # what a run wants to have left (orchestration/preflight.py)
_ENOUGH_BYTES = 5 * 10**9
_CLOCK_S = 5.0

Folders = Mapping[str, Path]


def local_folders(locations: Mapping[str, str]) -> dict[str, Path]:
    """Those of these configuration values that are folders of this machine."""
    return {key: Path(value) for key, value in locations.items() if "://" not in value}


def check_disk(folders: Folders) -> CheckResult:
    """`tmp` is checked, too: runs unpack there what they take from buckets."""
    results, disks = [], set()
    for key, folder in {**folders, "tmp": Path(tempfile.gettempdir())}.items():
        there = _nearest(folder)
        device, free = there.stat().st_dev, shutil.disk_usage(there).free
        if device in disks:
            continue
        disks.add(device)
        found = f"{free / 1e9:.1f} GB are free for {key} ({there})."
        advice = f"Free some, or set {'TMPDIR' if key == 'tmp' else key} to another disk."
        results.append(fail(found, advice) if free < _LEAST_BYTES else warn(found, advice) if free < _ENOUGH_BYTES else ok(found))
    return worst(results)


def check_permissions(folders: Folders) -> CheckResult:
    return worst(
        [_permission(key, folder) for key, folder in folders.items()] or [ok("The configuration names no folder of this machine.")]
    )


def _permission(key: str, folder: Path) -> CheckResult:
    there, advice = _nearest(folder), f"Correct its owner or permissions, or set {key}."
    if not there.is_dir():
        return fail(f"{there} ({key}) is not a folder.", advice)
    if not os.access(there, os.R_OK | os.X_OK):
        return fail(f"{there} ({key}) cannot be read.", advice)
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        return fail(f"Nothing can be written to {there} ({key}): {error.strerror}.", advice)
    return ok(f"{folder} ({key}) can be read and written." if there == folder else f"{folder} ({key}) does not exist yet and can be made.")


def check_clock(folders: Folders) -> CheckResult:
    """Another machine's disk stamps files with its own clock: versions and leases go by time."""
    results = []
    for key, folder in folders.items():
        try:
            with tempfile.TemporaryFile(dir=_nearest(folder)) as file:
                before = time.time()
                file.write(b"x")
                file.flush()
                seconds = os.fstat(file.fileno()).st_mtime - before
        except OSError:
            continue  # the check of permissions says so
        if abs(seconds) > _CLOCK_S:
            results.append(
                warn(
                    f"The disk of {key} is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} this machine.",
                    "Set both clocks by NTP.",
                )
            )
    return worst(results or [ok("The disks have the time of this machine.")])


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    folder = folder.absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
