"""Prism, Beam's own portable runner, and Beam's worker pools, in processes of their own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT
from tests.e2e.go_programs import go_program

VERSION = "v2.77.0"
MODULE = "github.com/apache/beam/sdks/v2/go/cmd/prism"
START_S = 120


def prism_binary() -> Path:
    """Skips the test where it is unavailable."""
    return go_program(MODULE, VERSION)


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
        while not answers(port):
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


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
