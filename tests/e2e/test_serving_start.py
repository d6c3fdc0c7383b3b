"""`flowers serve` as a process: its ready line, its end, and what it refuses to start with."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT, small_photo
from tests.serving_process import serving_process

pytestmark = [pytest.mark.e2e, pytest.mark.one_stack]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_that_it_is_ready_answers_and_ends_with_0(small_registry: Path, number: int) -> None:
    with serving_process(small_registry) as service:
        answer = httpx.post(f"{service.url}/predict", content=small_photo(1), headers={"Content-Type": "image/jpeg"})
        assert (answer.status_code, answer.json()["model_version"]) == (200, service.version)
        assert service.pid == service.process.pid
        assert service.stop(number) == 0


@pytest.mark.parametrize("option", ["--port", "--grpc-port"])
def test_a_port_in_use_is_bad_input(small_registry: Path, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ports = ["--port", "0"] if option == "--grpc-port" else []
        done = refused(small_registry, *ports, option, str(port))
    assert f"Port {port} of 127.0.0.1 is in use." in done.stderr


def test_one_port_for_http_and_grpc_is_bad_input(small_registry: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
    assert "--port and --grpc-port are both" in refused(small_registry, "--port", port, "--grpc-port", port).stderr


def test_an_empty_registry_is_bad_input(tmp_path: Path) -> None:
    assert "holds no model" in refused(tmp_path, "--port", "0").stderr


def refused(registry: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flowers_tfx", "serve", "--set", f"registry={registry}", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "Traceback" not in done.stderr
    return done
