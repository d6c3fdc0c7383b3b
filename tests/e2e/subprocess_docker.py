"""A stand-in for the package `docker`, under `kfp.local.DockerRunner`: a container is a process with the command of the package,
in an empty folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class Container:
    def __init__(self, python: str, command: list[str]) -> None:
        assert command[0] == "python"
        self._home = tempfile.TemporaryDirectory()
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}
        self._process = subprocess.Popen(
            [python, *command[1:]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self._home.name, env=environment
        )

    def logs(self, stream: bool) -> Iterator[bytes]:
        assert self._process.stdout is not None
        yield from self._process.stdout

    def wait(self) -> dict[str, int]:
        code = self._process.wait()
        self._home.cleanup()
        return {"StatusCode": code}


def docker_module(python: str = sys.executable, run: list[str] | None = None) -> ModuleType:
    """The module to put into `sys.modules` before kfp.local is imported; the executors that were started are added to `run`."""

    def start(image: str, command: list[str], **_options: Any) -> Container:
        if run is not None:
            run.append(command[command.index("--executor_class_path") + 1].rpartition(".")[2])
        return Container(python, command)

    images = SimpleNamespace(list=lambda: [], pull=lambda image: None)
    client = SimpleNamespace(images=images, containers=SimpleNamespace(run=start), info=dict, close=lambda: None)
    module = ModuleType("docker")
    module.from_env = lambda: client  # type: ignore[attr-defined]
    module.DockerClient = SimpleNamespace  # type: ignore[attr-defined]
    return module
