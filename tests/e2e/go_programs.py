"""Programs that tests need and that come from the Go module proxy."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

BUILD_S = 1800


def go_program(module: str, version: str) -> Path:
    """Built once, into a cache outside the repository. Skips the test where that cannot be done."""
    name = module.rpartition("/")[2]
    cache = Path(os.environ.get("FLOWERS_TEST_CACHE", Path.home() / ".cache" / "flowers_tfx")) / name
    cache.mkdir(parents=True, exist_ok=True)
    binary = cache / f"{name}-{version}"
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not binary.is_file():
            _build(f"{module}@{version}", name, binary)
    return binary


def _build(module: str, name: str, binary: Path) -> None:
    if shutil.which("go") is None:
        pytest.skip(f"no go to build {module} with")
    with tempfile.TemporaryDirectory(dir=binary.parent, prefix=".build-") as folder:
        environment = {**os.environ, "GOBIN": folder}
        try:
            done = subprocess.run(["go", "install", module], env=environment, capture_output=True, text=True, check=False, timeout=BUILD_S)
        except subprocess.TimeoutExpired:
            pytest.skip(f"go install {module} took more than {BUILD_S} s")
        if done.returncode:
            pytest.skip(f"go install {module} failed: {(done.stderr.strip().splitlines() or ['without a reason'])[-1]}")
        (Path(folder) / name).rename(binary)
