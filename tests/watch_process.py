"""`flowers watch` in a process of its own, and the log of all watchers of a place, one after the other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

# The command line, with a lease that a killed holder does not keep for a whole minute.
PROGRAM = """
import sys
from flowers_tfx.storage import lease
lease.LEASE_S = float(sys.argv[1])
from flowers_tfx.cli import main
main(sys.argv[2:])
"""


@dataclass
class Watchers:
    """`events`: of all watchers that were started, in their order. The log has them, and what happened to the watchers. `lease_s`: how long
    a lock in a bucket outlives its holder."""

    arguments: list[str]
    log: Path
    lease_s: float = 60.0
    events: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._started = time.monotonic()

    def start(self, *options: str) -> None:
        command = [sys.executable, "-c", PROGRAM, str(self.lease_s), "watch", *self.arguments, *options, "--json"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with self.log.open("a") as errors:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT, env=environment, start_new_session=True
            )
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()
        self.note(f"watcher {self._process.pid} started")

    def note(self, text: str) -> None:
        with self.log.open("a") as log:
            log.write(f"[{time.monotonic() - self._started:6.1f} s] {text}\n")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def end(self, number: signal.Signals) -> int:
        """The exit code after this signal to the watcher alone: what it started goes on."""
        process = self._process
        assert process is not None
        process.send_signal(number)
        code = process.wait(300)
        self._reader.join(60)
        self.note(f"{number.name}: watcher {process.pid} ended with {code}")
        self._process = None
        return code

    def exit_code(self, timeout_s: float) -> int:
        assert self._process is not None
        code = self._process.wait(timeout_s)
        self._reader.join(60)
        self._process = None
        return code

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] in kinds]

    def wait_for(self, kind: str, count: int = 1, timeout_s: float = 300) -> dict[str, Any]:
        """The event of this kind with this number, of all watchers."""
        deadline = time.monotonic() + timeout_s
        while len(self.of(kind)) < count:
            assert time.monotonic() < deadline, self.log.read_text()
            assert self._process is not None
            assert self._process.poll() is None or self._reader.is_alive() or len(self.of(kind)) >= count, self.log.read_text()
            time.sleep(0.05)
        return self.of(kind)[count - 1]

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.end(signal.SIGTERM)

    def _read(self, lines: Any) -> None:
        for line in lines:
            self.events.append(json.loads(line))
            self.note(line.rstrip())
