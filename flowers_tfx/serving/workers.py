"""Several worker processes on one socket: uvicorn's supervisor starts them, and starts again those that die."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from socket import socket

from prometheus_client.multiprocess import mark_process_dead
from uvicorn.supervisors.multiprocess import Multiprocess

from flowers_tfx.errors import ExplainedFailure, InputError
from flowers_tfx.serving.app import ServingSettings, create_app, create_service
from flowers_tfx.serving.gate import App
from flowers_tfx.serving.http_protocol import ServerConfig
from flowers_tfx.serving.log import log_to_stderr

_MULTIPROCESS_DIR = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS_TO_START = 120.0
_SECONDS_OF_A_LOOK = 5.0
_LOOK_EVERY_S = 1.0


@dataclass(frozen=True)
class WorkerApp:
    """Makes the application in a worker process."""

    settings: ServingSettings

    def __call__(self) -> App:
        log_to_stderr()
        threading.Thread(target=_end_with, args=(os.getppid(),), name="supervisor", daemon=True).start()
        try:
            return create_app(self.settings, create_service(self.settings))
        except InputError as error:
            # The supervisor starts another: the registry may be reachable again by then.
            sys.stderr.write(f"Worker {os.getpid()} cannot start: {error.message} {error.hint}\n")
            sys.exit(1)


def _end_with(supervisor: int) -> None:
    """Ends this worker when its supervisor was killed: nobody would stop it, and it would keep the port from the next server."""
    while os.getppid() == supervisor:
        time.sleep(_LOOK_EVERY_S)
    os.kill(os.getpid(), signal.SIGTERM)


class Workers(Multiprocess):
    """`started` is called once all workers answer."""

    def __init__(self, config: ServerConfig, listener: socket, started: Callable[[], None]) -> None:
        super().__init__(config, [listener])
        self._started = started
        self._failed = self._has_started = False
        self._start_deadline = time.monotonic() + _SECONDS_TO_START

    def run(self) -> None:
        """Raises ExplainedFailure if the workers do not start."""
        super().run()
        if self._failed:
            raise ExplainedFailure("The workers did not start.", "The lines above say why.")

    def keep_subprocess_alive(self) -> None:
        """Called by the main thread, twice a second. No other may ask the workers: two threads that read from one pipe take each other's
        answers, and a worker that answers looks dead."""
        if self._has_started:
            before = {process.pid for process in self.processes}
            super().keep_subprocess_alive()
            for pid in before - {process.pid for process in self.processes}:
                mark_process_dead(pid)
        elif all(process.is_ready(_SECONDS_OF_A_LOOK) for process in self.processes):
            self._has_started = True
            self._started()
        elif self.should_exit.is_set() or self.signal_queue:
            return  # Ctrl-C ends the workers too: that is no failure
        elif time.monotonic() > self._start_deadline or not all(process.process.is_alive() for process in self.processes):
            self._failed = True
            self.should_exit.set()

    def terminate_all(self) -> None:
        # No connection may wait in the queue of a socket that nobody accepts from any more.
        for listener in self.sockets:
            listener.close()
        super().terminate_all()


@contextlib.contextmanager
def shared_metrics() -> Iterator[None]:
    """A folder in which the workers keep what they count, and which goes with them."""
    with tempfile.TemporaryDirectory(prefix="flowers-metrics-") as folder:
        os.environ[_MULTIPROCESS_DIR] = folder
        try:
            yield
        finally:
            del os.environ[_MULTIPROCESS_DIR]
