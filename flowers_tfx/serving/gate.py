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


class Gate:
    """`token`: bearer token that requests must carry, empty for none; `open_paths` need none."""

    def __init__(self, app: App, metrics: Metrics, *, token: str, max_body: int, max_requests: int, open_paths: frozenset[str]) -> None:
        self._app, self._metrics = app, metrics
        self._token = token.encode()
        self._max_body, self._max_requests, self._open_paths = max_body, max_requests, open_paths
        self._open_requests = 0

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

        self._open_requests += 1
        self._metrics.open_requests.inc()
        try:
            refusal = self._refusal(scope)
            if refusal is None:
                await self._app(scope, self._bounded(receive), watched_send)
            else:
                await error_response(scope["path"], refusal)(scope, receive, watched_send)
        finally:
            self._open_requests -= 1
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
        if self._open_requests > self._max_requests:
            return busy(f"{self._max_requests} requests are open already.")
        return None

    def _too_large(self) -> RequestError:
        return RequestError(413, f"The request has more than {self._max_body / 1e6:g} MB, the limit.", "Send a smaller photo, or fewer.")

    def _bounded(self, receive: Receive) -> Receive:
        """Chunked bodies have no length at their head."""
        size = 0

        async def receive_some() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._max_body:
                raise self._too_large()
            return message

        return receive_some
