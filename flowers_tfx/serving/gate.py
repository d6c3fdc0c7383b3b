"""The door of the application: who may come in, how large a request may be and how many at a time; it also counts and times them."""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from flowers_tfx.serving.metrics import Metrics
from flowers_tfx.serving.requests import RequestError, busy
from flowers_tfx.serving.responses import error_response

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


_BODIES = 8  # bodies of the largest size that are in memory at a time; most are far smaller


class Gate:
    """`token`: bearer token that requests must carry, empty for none; `open_paths` need none."""

    def __init__(self, app: App, metrics: Metrics, *, token: str, max_body: int, max_requests: int, open_paths: frozenset[str]) -> None:
        self._app, self._metrics = app, metrics
        self._token = token.encode()
        self._max_body, self._max_requests, self._open_paths = max_body, max_requests, open_paths
        self._whole_requests = 0
        self._arriving_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 499  # the client has gone before an answer

        async def watched_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        body = _Body(self, receive)
        self._metrics.open_requests.inc()
        try:
            refusal = self._refusal(scope)
            if refusal is None:
                await self._app(scope, body.receive, watched_send)
            else:
                await error_response(scope["path"], refusal)(scope, receive, watched_send)
        finally:
            body.close()
            self._metrics.open_requests.dec()
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.requests.labels(route, status).inc()
            self._metrics.request_seconds.labels(route).observe(time.perf_counter() - started)

    def _refusal(self, scope: Scope) -> RequestError | None:
        """Judged by the head of the request alone."""
        headers = dict(scope["headers"])
        if scope["path"] in self._open_paths:
            return None
        if self._token and not hmac.compare_digest(headers.get(b"authorization", b""), b"Bearer " + self._token):
            return RequestError(
                401, "The request has no valid token.", "Send the header `Authorization: Bearer TOKEN`.", {"WWW-Authenticate": "Bearer"}
            )
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self._max_body:
            return self._too_large()
        return None

    def _too_large(self) -> RequestError:
        return RequestError(413, f"The request has more than {self._max_body / 1e6:g} MB, the limit.", "Send a smaller photo, or fewer.")

    def arrive(self, number: int, of_request: int) -> None:
        """Counts bytes of a body, `of_request` in all. Raises RequestError for too many of one request, or of all together."""
        if of_request > self._max_body:
            raise self._too_large()
        if self._arriving_bytes + number > _BODIES * self._max_body:
            raise busy("The bodies of other requests fill the memory for them.")
        self._arriving_bytes += number

    def begin(self) -> None:
        """A request is whole. Raises RequestError while too many are being answered."""
        self._whole_requests += 1
        if self._whole_requests > self._max_requests:
            raise busy(f"{self._max_requests} requests are being answered already.")

    def end(self, number: int, whole: bool) -> None:
        """A request has its answer: its bytes are no longer in memory."""
        self._arriving_bytes -= number
        self._whole_requests -= whole


class _Body:
    """The body of one request on its way in. Clients that send slowly hold up nobody: only whole requests count as being answered."""

    def __init__(self, gate: Gate, receive: Receive) -> None:
        self._gate, self._receive = gate, receive
        self._bytes, self._counted, self._whole = 0, 0, False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            number = len(message.get("body", b""))
            self._bytes += number
            self._gate.arrive(number, self._bytes)
            self._counted += number
            if not message.get("more_body", False) and not self._whole:
                self._whole = True
                self._gate.begin()
        return message

    def close(self) -> None:
        self._gate.end(self._counted, self._whole)
