"""Hands photos to the measuring process, and starts another one when it dies."""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from flowers_tfx.monitoring.batch_pipe import write_batch
from flowers_tfx.monitoring.journal import Journal
from flowers_tfx.monitoring.photo_sample import Batch
from flowers_tfx.monitoring.record_settings import RecordCounters, RecordSettings

_MODULE = "flowers_tfx.monitoring.measuring_process"
_RESTART_AFTER_S = 2.0
_STOP_S = 10.0  # so long the end of the service waits; what is not done by then the other process does alone
_log = logging.getLogger(__name__)


class Measuring:
    """One batch at a time. Only the thread that records calls its methods."""

    def __init__(self, settings: RecordSettings, counters: RecordCounters) -> None:
        self._settings, self._counters = settings, counters
        # With each batch the segments that it completes.
        self._batches: queue.Queue[tuple[Batch, list[str]] | None] = queue.Queue()
        # Segments whose Parquet file is still to be made, and their journals: the locks keep others from making it too early.
        self._closed: dict[str, Journal] = {}
        self._bytes: dict[str, int] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._work, name="measuring", daemon=True)

    def start(self) -> None:
        self._process = self._start_process()
        self._thread.start()

    @property
    def is_idle(self) -> bool:
        return self._batches.unfinished_tasks == 0

    @property
    def waiting_segments(self) -> int:
        """Closed ones that have no Parquet file yet."""
        return len(self._closed)

    @property
    def waiting_bytes(self) -> int:
        """Of their files."""
        return sum(journal.bytes + self.bytes_of(segment) for segment, journal in list(self._closed.items()))

    def bytes_of(self, segment: str) -> int:
        """What was written about its photos."""
        return self._bytes.get(segment, 0)

    def hand_over(self, batch: Batch) -> None:
        self._batches.put((batch, list(self._closed)))

    def close_segment(self, segment: str, journal: Journal) -> None:
        """Its photos must be in the next batch, or in earlier ones. Closes the journal once the segment has its Parquet file."""
        self._closed[segment] = journal

    def stop(self) -> None:
        """After the last batch. The process ends when its input does; it also closes what it was not asked to."""
        self._batches.put(None)
        self._thread.join(_STOP_S)
        process = self._process
        if process is not None and process.stdin is not None and not self._thread.is_alive():
            with contextlib.suppress(OSError):
                process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_S)

    def _work(self) -> None:
        while (item := self._batches.get()) is not None:
            batch, closed = item
            try:
                self._measure(batch, closed)
            except (OSError, ValueError, EOFError) as error:
                _log.error("The process that measures photos has ended, and is started again: %s", error)
                self._counters.measured("failed", len(batch.photos))
                self._restart()
            except Exception:  # noqa: BLE001 - without this thread no file would ever be closed
                _log.exception("The process that measures photos is started again after an error")
                self._counters.failed()
                self._counters.measured("failed", len(batch.photos))
                self._restart()
            finally:
                self._batches.task_done()

    def _measure(self, batch: Batch, closed: Sequence[str]) -> None:
        """Raises OSError, EOFError or ValueError if the process does not answer."""
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise EOFError("it does not run")
        write_batch(process.stdin, batch, closed)
        line = process.stdout.readline()
        if not line:
            raise EOFError(f"exit code {process.wait()}")
        done: dict[str, Any] = json.loads(line)
        for segment in closed:
            if journal := self._closed.pop(segment, None):
                journal.close()
        self._bytes = done["bytes"]
        for result in ("measured", "failed"):
            if done[result]:
                self._counters.measured(result, done[result])  # type: ignore[arg-type]

    def _restart(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        time.sleep(_RESTART_AFTER_S)
        with contextlib.suppress(OSError):  # no memory for another process: the next batch tries again
            self._process = self._start_process()

    def _start_process(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", _MODULE, json.dumps(self._settings.as_json())]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
