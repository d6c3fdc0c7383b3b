"""HTTP on one connection, bounded in size and time before any of our code sees a request.

uvicorn's own protocol reads headers and trailers of any size for any time. This one answers 431 to long ones and 408 to a request that does
not arrive in time, closes connections above a limit, and answers clients that close their sending half after the request, or that would
rather speak another protocol.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from flowers_tfx.serving.requests import as_json

CLOSED = "flowers.closed"  # in the scope of a request whose client sends nothing more
MAX_HEADER_BYTES = 1 << 15  # request line and headers; trailers
# Clients such as Java's ask for HTTP/2 beside their first request. A server may pass over that; the parser would drop the request's body.
_UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)


class ServerConfig(uvicorn.Config):
    """uvicorn's configuration with the limits of a connection; it travels to worker processes, so it holds plain values."""

    def __init__(self, app: Any, *, seconds_to_arrive: float, max_connections: int, **settings: Any) -> None:
        super().__init__(app, http=BoundedHttp, **settings)
        self.seconds_to_arrive, self.max_connections = seconds_to_arrive, max_connections


class BoundedHttp(HttpToolsProtocol):
    _deadline: asyncio.TimerHandle | None = None
    # Bytes of the head: those that the parser has handed over, and those that have arrived and may still be with the parser.
    _parsed_bytes, _arrived_bytes = 0, 0
    _in_head, _in_body = True, False
    _begun_messages, _got_body = 0, False  # in the data that is being read
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
        starts_in_body, self._begun_messages, self._got_body = self._in_body, 0, False
        super().data_received(data if starts_in_body else _without_upgrade(data))
        in_one_head = self._in_head and not starts_in_body and self._begun_messages <= 1
        in_trailers = self._in_body and starts_in_body and not self._got_body
        if in_one_head or in_trailers:
            self._arrived_bytes += len(data)
            self._check_head(self._arrived_bytes)

    def eof_received(self) -> bool:  # type: ignore[override]
        """A client that closes its sending half still gets the answers to its whole requests: it cannot be told from one that has left.
        `CLOSED` in the request's scope tells those who would rather not work in vain."""
        cycle = self.cycle
        self._half_closed = True
        if cycle is None or cycle.response_complete or cycle.more_body:
            return False
        cycle.keep_alive = False
        cast(dict[str, Any], cycle.scope)[CLOSED] = True
        cycle.message_event.set()  # who waits in `receive` gets an empty message, and looks
        return True

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._parsed_bytes, self._arrived_bytes = True, 0, 0
        self._begun_messages += 1
        if self._deadline is None:
            self._start_deadline()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._parsed_bytes += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Trailers are passed over: whoever let the request in has seen its headers only."""
        if self._in_head:
            super().on_header(name, value)
        self._parsed_bytes += len(name) + len(value)

    def on_headers_complete(self) -> None:
        if self._parsed_bytes > MAX_HEADER_BYTES:
            self._check_head(self._parsed_bytes)
            return
        self._in_head, self._in_body, self._arrived_bytes = False, True, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._got_body, self._arrived_bytes = True, 0
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._stop_deadline()
        self._in_body = False
        if not self.transport.is_closing():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.pipeline:
            self.flow.pause_reading()  # requests that wait in memory first

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
        if self.scope is None:
            self.transport.close()
            return
        seconds = self._limits.seconds_to_arrive
        self._refuse(408, f"The request did not arrive within {seconds:g} s.", "Send it faster, or a smaller one.")

    def _check_head(self, size: int) -> None:
        if size > MAX_HEADER_BYTES:
            self._refuse(431, f"The request line and headers have more than {MAX_HEADER_BYTES // 1024} KiB.", "Send fewer.")

    def _refuse(self, status: int, error: str, hint: str) -> None:
        """Answers, unless the request has its answer already, and closes."""
        if self.transport.is_closing():
            return
        cycle = self.cycle
        if cycle is not None and cycle.response_started and (self._in_body or not cycle.response_complete):
            self.transport.close()
            return
        body = as_json({"error": error, "hint": hint})
        head = f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[status] + head.encode() + body)
        self.transport.close()


def _without_upgrade(data: bytes) -> bytes:
    """Of data that begins with a head, or goes on with one."""
    end = data.find(b"\r\n\r\n")
    match = _UPGRADE.search(data, 0, len(data) if end < 0 else end)
    return data if match is None else data[: match.start()] + b"\r\nX-Upgrade:" + data[match.end() :]
