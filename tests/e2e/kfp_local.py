"""A compiled package under `kfp.local`: a container for every step where there is a Docker engine, else a process.

As a script it runs in a Python of its own, since the kfp of the older stack has no kfp.local for compiled packages.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KFP = "2.16.1"
STAND_IN_IMAGE = f"r.example/flowers@sha256:{'a1' * 32}"
INSTALL_S = 900


@dataclass(frozen=True)
class Step:
    """`folder` holds an entry for each output; `seconds` is the step's whole container or process."""

    node: str
    seconds: float
    code: int
    folder: Path


class Unavailable(Exception):
    """kfp is not installed and cannot be installed."""


class PackageFailed(Exception):
    pass


def image() -> str:
    """The image to compile with. FLOWERS_TEST_IMAGE (NAME@sha256:DIGEST) names one that the Docker engine of this machine has."""
    return os.environ.get("FLOWERS_TEST_IMAGE", STAND_IN_IMAGE) if _docker_engine() else STAND_IN_IMAGE


def kfp_python() -> str:
    """A Python with kfp 2.6 or later: made once, in a cache outside the repository. Raises Unavailable where that cannot be done."""
    cache = Path(os.environ.get("FLOWERS_TEST_CACHE", Path.home() / ".cache" / "flowers_tfx")) / "kfp"
    home = cache / f"{KFP}-{sys.version_info.major}.{sys.version_info.minor}"
    python = home / "bin" / "python"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "complete").is_file():
            _run([sys.executable, "-m", "venv", "--clear", str(home)])
            _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"kfp=={KFP}", "docker"])
            (home / "complete").touch()
    return str(python)


def run_package(
    package: Path, home: Path, parameters: Mapping[str, str], watch: Callable[[Step], None] = lambda _: None, python: str = sys.executable
) -> dict[str, Step]:
    """All steps of one run, by name. What the parameters name must lie in `home`, which is what a container sees. `python` starts the
    steps that are not containers.

    Raises Unavailable, and PackageFailed with the end of the log when a step fails.
    """
    log = home / f"kfp-{time.time_ns()}.log"
    command = [kfp_python(), __file__, str(package), str(home), json.dumps(dict(parameters)), python, str(log)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    names = _node_names(package)
    steps: dict[str, Step] = {}
    for line in process.stdout:
        record = json.loads(line)
        folder = Path(record["folder"])
        step = Step(names[folder.name], record["seconds"], record["code"], folder)
        steps[step.node] = step
        watch(step)
    if process.wait():
        raise PackageFailed(f"The package failed; its log ends with:\n{log.read_text(errors='replace')[-4000:]}")
    return steps


def _node_names(package: Path) -> dict[str, str]:
    """By what kfp.local calls a step: its component's name without the first five letters, which it takes for `comp-`. TFX writes no such
    prefix, so that Trainer becomes `er`."""
    import yaml

    spec = next(yaml.safe_load_all(package.read_text(encoding="utf-8")))
    return {task["componentRef"]["name"][len("comp-") :]: name for name, task in spec["root"]["dag"]["tasks"].items()}


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=INSTALL_S)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"installing kfp {KFP} took more than {INSTALL_S} s") from None
    if done.returncode:
        raise Unavailable(f"kfp {KFP} could not be installed: {(done.stderr.strip().splitlines() or ['without a reason'])[-1]}")


def _docker_engine() -> bool:
    if "FLOWERS_TEST_IMAGE" not in os.environ or shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("package", "home", "parameters", "python", "log"):
        parser.add_argument(name)
    options = parser.parse_args()
    events = os.fdopen(os.dup(1), "w", buffering=1)
    log = os.open(options.log, os.O_WRONLY | os.O_CREAT, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if not _docker_engine():
        import subprocess_docker  # beside this script

        sys.modules["docker"] = subprocess_docker.docker_module(options.python)
    from kfp import components, local
    from kfp.local import docker_task_handler

    stock = docker_task_handler.run_docker_container

    def run_timed(client: Any, image: str, command: list[str], volumes: dict[str, Any], **more: Any) -> int:
        started = time.monotonic()
        code = int(stock(client, image, command, volumes, **more))
        message = json.loads(command[command.index("--json_serialized_invocation_args") + 1])
        folder = Path(message["outputs"]["outputFile"]).parent
        events.write(json.dumps({"seconds": round(time.monotonic() - started, 3), "code": code, "folder": str(folder)}) + "\n")
        return code

    docker_task_handler.run_docker_container = run_timed
    pipeline = components.load_component_from_file(options.package)
    local.init(local.DockerRunner(), pipeline_root=options.home)
    pipeline(**json.loads(options.parameters))


if __name__ == "__main__":
    main()
