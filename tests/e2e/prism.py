"""Prism, Beam's own portable runner, and Beam's worker pools, in processes of their own."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT

VERSION = "v2.77.0"
MODULE = f"github.com/apache/beam/sdks/v2/go/cmd/prism@{VERSION}"
BUILD_S = 900
START_S = 120


def prism_binary() -> Path:
    """Built once, from the Go module proxy, into a cache outside the repository. Skips the test where that cannot be done."""
    cache = Path(os.environ.get("FLOWERS_TEST_CACHE", Path.home() / ".cache" / "flowers_tfx")) / "prism"
    cache.mkdir(parents=True, exist_ok=True)
    binary = cache / f"prism-{VERSION}"
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not binary.is_file():
            _build(binary)
    return binary


def _build(binary: Path) -> None:
    if shutil.which("go") is None:
        pytest.skip(f"no go to build {MODULE} with")
    with tempfile.TemporaryDirectory(dir=binary.parent, prefix=".build-") as folder:
        environment = {**os.environ, "GOBIN": folder}
        try:
            done = subprocess.run(["go", "install", MODULE], env=environment, capture_output=True, text=True, check=False, timeout=BUILD_S)
        except subprocess.TimeoutExpired:
            pytest.skip(f"go install {MODULE} took more than {BUILD_S} s")
        if done.returncode:
            pytest.skip(f"go install {MODULE} failed: {done.stderr.strip().splitlines()[-1]}")
        (Path(folder) / "prism").rename(binary)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@dataclass
class Service:
    """A process that answers at `endpoint`, and its children: one process group."""

    process: subprocess.Popen[bytes]
    endpoint: str

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def service(command: list[str], port: int, log: Path, environment: dict[str, str] | None = None) -> Iterator[Service]:
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, cwd=ROOT, env={**os.environ, **(environment or {})}, start_new_session=True
        )
    found = Service(process, f"127.0.0.1:{port}")
    try:
        deadline = time.monotonic() + START_S
        while not _answers(port):
            assert process.poll() is None, log.read_text(errors="replace")[-2000:]
            assert time.monotonic() < deadline, f"{command[0]} does not answer at port {port}"
            time.sleep(0.1)
        yield found
    finally:
        found.kill()


def prism(binary: Path, log: Path) -> contextlib.AbstractContextManager[Service]:
    port = free_port()
    return service([str(binary), f"--job_port={port}", "--serve_http=false", "--log_kind=text"], port, log)


def worker_pool(log: Path) -> contextlib.AbstractContextManager[Service]:
    """Each job gets a Python process of its own; the pool starts `python` from PATH."""
    port = free_port()
    environment = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "apache_beam.runners.worker.worker_pool_main", f"--service_port={port}"]
    return service(command, port, log, environment)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
