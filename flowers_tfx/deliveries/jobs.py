"""A command of `flowers` in a process of its own: its memory goes back to the system when it ends, and it outlives a watcher that is
killed, whose successor waits for it and reads its JSON.

The process inherits a locked file, and the system releases the lock when it has ended, whoever started it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from flowers_tfx.errors import ExitCode
from flowers_tfx.storage import try_lock

TERMINATE_S = 5.0
_LOG_CHARS = 2000


@dataclass(frozen=True)
class JobResult:
    """`value`: the JSON that the command printed, None where it was killed before. `exit_code` of a command that an earlier watcher
    started is not known: it is None."""

    exit_code: int | None
    value: Any
    log: str = ""

    @property
    def error(self) -> str:
        if isinstance(self.value, dict) and self.value.get("error"):
            return str(self.value["error"])
        return f"The process ended with {self.exit_code}." if self.exit_code else ""

    @property
    def hint(self) -> str:
        return str(self.value.get("hint", "")) if isinstance(self.value, dict) and self.value.get("error") else self.log


class Job:
    """`name` names the job's files in `folder`, on a disk of this machine."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self.name = folder, name
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, arguments: Sequence[str]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._path("lock").open("w") as lock_file, self._path("json").open("wb") as out, self._path("log").open("wb") as log:
            try_lock(lock_file)
            command = [sys.executable, "-m", "flowers_tfx", *arguments]
            # In a session of its own: Ctrl-C is for the watcher, which decides.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=log, start_new_session=True, pass_fds=[lock_file.fileno()]
            )

    def is_alive(self) -> bool:
        if self._process is not None:
            return self._process.poll() is None
        try:
            with self._path("lock").open("r+") as file:
                return not try_lock(file)
        except FileNotFoundError:
            return False

    def result(self) -> JobResult | None:
        """Of a job that has ended; None for one of an earlier watcher that left no JSON."""
        value = None
        with contextlib.suppress(OSError, ValueError):
            value = json.loads(self._path("json").read_text(encoding="utf-8"))
        if self._process is None:
            return None if value is None else JobResult(None, value)
        code = self._process.returncode
        # A process that was killed by a signal has a negative code.
        return JobResult(code if code is not None and code >= 0 else ExitCode.FAILED, value, self._last_lines())

    def stop(self) -> None:
        """Terminates the process and all that it started."""
        if self._process is None or self._process.poll() is not None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(TERMINATE_S)
                return

    def remove_files(self) -> None:
        for suffix in ("lock", "json", "log", "rejects"):
            with contextlib.suppress(OSError):
                self._path(suffix).unlink()

    @property
    def rejects_path(self) -> Path:
        return self._path("rejects")

    def _path(self, suffix: str) -> Path:
        return self._folder / f"{self.name}.{suffix}"

    def _last_lines(self) -> str:
        with contextlib.suppress(OSError), self._path("log").open("rb") as file:
            return _tail(file).strip()
        return ""


def _tail(file: IO[bytes]) -> str:
    file.seek(0, os.SEEK_END)
    file.seek(max(0, file.tell() - _LOG_CHARS))
    return " ".join(file.read().decode("utf-8", "replace").split("\n")[-3:])
