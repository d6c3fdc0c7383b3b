"""`flowers serve` as a process, and a small registry for it: for tests that meet the service from outside."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.conftest import ROOT
from tests.unit.small_network import LABELS, SIZE, SmallNetwork

_SECONDS_TO_START, _SECONDS_TO_STOP = 300, 300


@dataclass
class ServingProcess:
    """A running service. `url`, `version` and `pid` are those of its ready line; `code`: its exit code, once it was stopped."""

    url: str
    version: str
    pid: int
    process: subprocess.Popen[str] = field(repr=False)
    error_file: IO[str] = field(repr=False)
    code: int | None = None

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def log(self) -> str:
        """Its standard error so far."""
        self.error_file.flush()
        return Path(self.error_file.name).read_text(errors="replace")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Its exit code."""
        if self.code is None:
            self.process.send_signal(number)
            try:
                self.code = self.process.wait(_SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"it did not stop within {_SECONDS_TO_STOP} s:\n{self.log}") from None
        return self.code


@contextlib.contextmanager
def serving_process(registry: Path | str, *arguments: str, environment: Mapping[str, str] | None = None) -> Iterator[ServingProcess]:
    """Starts `flowers serve` on a free port and waits for its ready line; stops it at the end and asserts that it exits with 0, unless the
    test stopped it itself. `arguments`: more options."""
    command = [sys.executable, "-m", "flowers_tfx", "serve", "--set", f"registry={registry}", "--port", "0", "--json", *arguments]
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}
    with tempfile.NamedTemporaryFile("w", prefix="serve-", suffix=".log") as error_file:
        process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=error_file, text=True)
        try:
            ready = json.loads(_first_line(process, Path(error_file.name)))
            service = ServingProcess(ready["url"], ready["version"], ready["pid"], process, error_file)
            yield service
            assert service.stop() == 0, service.log
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def _first_line(process: subprocess.Popen[str], errors: Path) -> str:
    assert process.stdout is not None
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline:
        if select.select([process.stdout], [], [], 0.1)[0] and (line := process.stdout.readline()):
            return line
        if process.poll() is not None:
            break
    raise AssertionError(f"no ready line, exit code {process.poll()}:\n{errors.read_text(errors='replace')}")


def push_small_model(registry: Path, seed: int = 1) -> int:
    """Publishes a network without training that answers at 32 px, in a second or two. Returns its version; another `seed` makes another
    model."""
    from flowers_tfx.model.signatures import export
    from flowers_tfx.registry import publish

    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        export(SmallNetwork(seed), SIZE, LABELS, {}, str(model))
        return publish(model, str(registry), f"seed {seed}", (), f"push {seed}").version
