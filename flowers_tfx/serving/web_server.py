"""A web server in this process, for any application: its socket, its URL, its end."""

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
from flowers_tfx.serving.http_protocol import ServerConfig

BACKLOG = 2048
_SECONDS_WITHOUT_SIGN = 30  # a worker that is silent for so long is started again; one that starts on a busy machine is silent for 5 to 10
_PORT_ERRORS = {errno.EADDRINUSE: "is in use", errno.EACCES: "needs more permissions"}


def server_config(app: Any, *, seconds_to_arrive: float, seconds_to_end: int, max_connections: int, **more: Any) -> ServerConfig:
    """What every server of this program keeps to. `seconds_to_arrive`: of a request; `seconds_to_end`: of open requests when it stops."""
    return ServerConfig(
        app,
        seconds_to_arrive=seconds_to_arrive,
        max_connections=max_connections,
        timeout_graceful_shutdown=seconds_to_end,
        timeout_worker_healthcheck=_SECONDS_WITHOUT_SIGN,
        timeout_keep_alive=75,  # s; more than usual proxies wait, so that they close first
        loop="uvloop",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        **more,
    )


class WebServer(uvicorn.Server):
    """Ends with 0 after SIGTERM, SIGINT and SIGHUP: uvicorn's own server dies of the first two once it has answered its open requests, and
    of the third at once. `started` is called when it answers."""

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


def end_on_sigterm() -> None:
    """Until the server runs, SIGTERM ends the process with 0: nobody was answered yet, so there is nothing to wait for."""
    signal.signal(signal.SIGTERM, _exit)


def _exit(*_: object) -> None:
    sys.exit(0)


def listen(host: str, port: int, option: str = "--port") -> socket.socket:
    """Raises InputError."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except socket.gaierror as error:
        raise InputError(f"The host {host!r} is not an address of this machine: {error.strerror}.", "Set --host 127.0.0.1.") from None
    except (OSError, OverflowError) as error:
        reason = _PORT_ERRORS.get(getattr(error, "errno", None) or 0, f"cannot be had: {getattr(error, 'strerror', None) or error}")
        hint = "; 0 takes a free one" if option == "--port" else ""
        raise InputError(f"Port {port} of {host} {reason}.", f"Choose another with {option}{hint}.") from None
    listener.set_inheritable(True)
    return listener


def url_of(listener: socket.socket, host: str) -> str:
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def raise_file_limit() -> int:
    """How many files this process may open; each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 65_536) if hard != resource.RLIM_INFINITY else 65_536
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
