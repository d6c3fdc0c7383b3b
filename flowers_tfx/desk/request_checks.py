"""What every request must keep to before a page is made, and the headers that every answer gets."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from flowers_tfx.desk.errors import DeskError

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY = 512 * 1024  # bytes: room for the labels of some thousand photos
_MAX_FIELDS = 10_000
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# A report is one file: its style is inside it. As a sandbox it has an origin of its own, and neither scripts nor forms.
REPORT_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    # With no-referrer browsers would send no Origin with a form.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
    "content-security-policy": PAGE_POLICY,
}


class WithHeaders:
    """Adds the headers of security to every answer; an answer's own ones go before."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name.lower() for name, _ in message["headers"]}
                more = [(name.encode(), value.encode()) for name, value in _HEADERS.items() if name.encode() not in own]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def require_own_host(request: Request) -> None:
    """Raises DeskError unless the request names this machine: a page of another site could otherwise reach a desk without sign-in through
    a name that leads to 127.0.0.1."""
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    if host != "localhost" and not _is_loopback(host):
        raise DeskError(403, f"This desk does not answer under the name {host[:100]!r}.", "Open it as http://127.0.0.1 with its port.")


def require_own_origin(request: Request, public_url: str) -> None:
    """Raises DeskError for a form that no page of this desk has sent."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise _foreign()
    sender = request.headers.get("origin") or request.headers.get("referer") or ""
    try:
        parts = urlsplit(sender)
        origin = f"{parts.scheme}://{parts.netloc}"
    except ValueError:
        raise _foreign() from None
    own = {f"http://{request.headers.get('host', '')}", *([public_url] if public_url else [])}
    if origin not in own:
        raise _foreign()


async def read_form(request: Request) -> dict[str, list[str]]:
    """The fields of a form, each with its values in their order. Raises DeskError for one that is too large or not a form."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise DeskError(415, "The request is not a form.", "Use the buttons of the page.")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY:
            raise DeskError(413, f"The form has more than {MAX_BODY // 1024} KB.", "Send a shorter reason, or fewer photos at a time.")
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except (UnicodeDecodeError, ValueError):
        raise DeskError(400, "The form cannot be read.", "Use the buttons of the page.") from None
    values: dict[str, list[str]] = {}
    for name, value in fields:
        values.setdefault(name, []).append(value)
    return values


def first(form: Mapping[str, list[str]], name: str) -> str:
    return form.get(name, [""])[0]


def _foreign() -> DeskError:
    return DeskError(403, "This form was not sent from a page of this desk.", "Open the desk itself, and send it from there.")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
