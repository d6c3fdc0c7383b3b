"""Environments of their own for packages that do not go together with ours, made once for each list of packages."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT


def environment_programs(requirements: Path) -> Path:
    """The folder of the programs of an environment with these packages, of which all are listed, with hashes. Skips the test where it
    cannot be made."""
    cache = Path(os.environ.get("FLOWERS_TEST_CACHE", Path.home() / ".cache" / "flowers_tfx")) / requirements.stem
    cache.mkdir(parents=True, exist_ok=True)
    place = cache / hashlib.sha256(requirements.read_bytes()).hexdigest()[:16]
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "complete").is_file():
            shutil.rmtree(place, ignore_errors=True)
            _uv(requirements, "venv", "--no-python-downloads", "--python", ">=3.11", str(place))
            install = ("pip", "install", "--python", str(place / "bin" / "python"), "--no-deps", "--require-hashes")
            _uv(requirements, *install, "--requirements", str(requirements))
            (place / "complete").touch()
    return place / "bin"


def _uv(requirements: Path, *arguments: str) -> None:
    done = subprocess.run([ROOT / "scripts" / "uv.sh", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no environment of {requirements.name}: {(done.stderr.strip().splitlines() or ['without a reason'])[-1]}")
