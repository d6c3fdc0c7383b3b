"""HTTP on one connection, bounded in size and time before any of our code sees a request.

uvicorn's own protocol reads headers of any size for any time. This one answers 431 to long headers and 408 to a request that does not
arrive in time, closes connections above a limit, and answers clients that close their sending half after the request.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from flowers_tfx.serving.requests import as_json

MAX_HEADER_BYTES = 1 << 15  # request line and headers


class ServerConfig(uvicorn.Config):
    """uvicorn's configuration with the limits of a connection; it travels to worker processes, so it holds plain values."""

    def __init__(self, app: Any, *, seconds_to_arrive: float, max_connections: int, **settings: Any) -> None:
        super().__init__(app, http=BoundedHttp, **settings)
        self.seconds_to_arrive, self.max_connections = seconds_to_arrive, max_connections


class BoundedHttp(HttpToolsProtocol):
    _deadline: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _in_head = True
    _half_closed = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self._limits.max_connections:
            transport.abort()
        else:
            self._start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._half_closed or self.transport.is_closing():
            return
        super().data_received(data)
        if self._in_head:
            # What the parser keeps of a header that has not ended.
            self._head_bytes += len(data)
            self._check_head()

    def eof_received(self) -> bool:  # type: ignore[override]
        """A client that closes its sending half still gets the answers to its whole requests."""
        cycle = self.cycle
        self._half_closed = True
        if cycle is None or cycle.response_complete or cycle.more_body:
            return False
        cycle.keep_alive = False
        return True

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        if self._deadline is None:
            self._start_deadline()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._head_bytes += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._head_bytes += len(name) + len(value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._head_bytes > MAX_HEADER_BYTES:
            self._check_head()
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._stop_deadline()
        if not self.transport.is_closing():
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "The request is not valid HTTP.", "Send HTTP/1.1.")

    @property
    def _limits(self) -> ServerConfig:
        return cast(ServerConfig, self.config)

    def _start_deadline(self) -> None:
        self._deadline = self.loop.call_later(self._limits.seconds_to_arrive, self._expire)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expire(self) -> None:
        self._deadline = None
        begun = self.cycle is not None and not self.cycle.response_complete
        if (begun and self.cycle.response_started) or self.scope is None:
            self.transport.close()
            return
        seconds = self._limits.seconds_to_arrive
        self._refuse(408, f"The request did not arrive within {seconds:g} s.", "Send it faster, or a smaller one.")

    def _check_head(self) -> None:
        if self._head_bytes > MAX_HEADER_BYTES:
            self._refuse(431, f"The request line and headers have more than {MAX_HEADER_BYTES // 1024} KiB.", "Send fewer.")

    def _refuse(self, status: int, error: str, hint: str) -> None:
        """Answers and closes."""
        if self.transport.is_closing():
            return
        body = as_json({"error": error, "hint": hint})
        head = f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[status] + head.encode() + body)
        self.transport.close()
