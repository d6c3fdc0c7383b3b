"""Starts and stops the server: its socket, its ready line, its end."""

from __future__ import annotations

import contextlib
import errno
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn

from flowers_tfx.errors import InputError
from flowers_tfx.serving.app import ServingSettings, create_app, create_feedback, create_service, version_to_serve
from flowers_tfx.serving.http_protocol import ServerConfig
from flowers_tfx.serving.log import log_to_stderr

Ready = Callable[[str, str], None]  # gets the URL and the version, once
_BACKLOG = 2048
_SPARE_FILES = 128  # descriptors that are not connections
_PORT_ERRORS = {errno.EADDRINUSE: "is in use", errno.EACCES: "needs more permissions"}


def serve(settings: ServingSettings, port: int, ready: Ready) -> None:
    """Answers until SIGTERM or SIGINT, then answers open requests and returns.

    Raises InputError if the port cannot be had, no version can be used or the feedback folder cannot be written to.
    """
    log_to_stderr()
    signal.signal(signal.SIGTERM, _end_before_ready)
    create_feedback(settings)  # a folder that cannot be written to is reported once, not by each worker
    if settings.grpc_port and settings.grpc_port == port:
        raise InputError(f"--port and --grpc-port are both {port}.", "Choose another with --grpc-port.")
    if settings.grpc_port:
        # Workers share the port: that another program has it would be seen late, or not at all.
        _listen(settings.host, settings.grpc_port, "--grpc-port").close()
    listener = _listen(settings.host, port)
    url, connections = _url(listener, settings.host), _raise_file_limit() - _SPARE_FILES
    if settings.workers > 1:
        from flowers_tfx.serving.workers import WorkerApp, Workers, shared_metrics

        version = version_to_serve(settings)  # what is wrong with it is reported once, too
        with shared_metrics():
            config = _config(settings, WorkerApp(settings), connections, factory=True, workers=settings.workers)
            Workers(config, listener, lambda: ready(url, version)).run()
        return
    service = create_service(settings)
    app = create_app(settings, service)
    _Server(_config(settings, app, connections), lambda: ready(url, service.versions.serving)).run([listener])


def _config(settings: ServingSettings, app: Any, connections: int, **more: Any) -> ServerConfig:
    serving = settings.config.serving
    return ServerConfig(
        app,
        seconds_to_arrive=serving.timeout_s,
        max_connections=connections,
        timeout_graceful_shutdown=max(1, round(serving.drain_s)),
        timeout_keep_alive=75,  # s; more than usual proxies wait, so that they close first
        loop="uvloop",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        **more,
    )


class _Server(uvicorn.Server):
    """Ends with 0 after SIGTERM, SIGINT and SIGHUP: uvicorn's own server dies of the first two once it has answered its open requests, and
    of the third at once."""

    def __init__(self, config: ServerConfig, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._started()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:  # type: ignore[override]
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _end_before_ready(*_: object) -> None:
    """Nobody was answered yet: nothing to wait for."""
    sys.exit(0)


def _listen(host: str, port: int, option: str = "--port") -> socket.socket:
    """Raises InputError."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except socket.gaierror as error:
        raise InputError(f"The host {host!r} is not an address of this machine: {error.strerror}.", "Set --host 127.0.0.1.") from None
    except (OSError, OverflowError) as error:
        reason = _PORT_ERRORS.get(getattr(error, "errno", None) or 0, f"cannot be had: {getattr(error, 'strerror', None) or error}")
        hint = "; 0 takes a free one" if option == "--port" else ""
        raise InputError(f"Port {port} of {host} {reason}.", f"Choose another with {option}{hint}.") from None
    listener.set_inheritable(True)
    return listener


def _url(listener: socket.socket, host: str) -> str:
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _raise_file_limit() -> int:
    """How many files this process may open; each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 65_536) if hard != resource.RLIM_INFINITY else 65_536
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
