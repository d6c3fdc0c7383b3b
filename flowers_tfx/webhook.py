"""Tells another program by HTTP that something happened: a run was blocked, what is served has drifted. Best effort: it never holds up
who sends.

POST of a JSON object. Headers: `Flowers-Event`, the kind of event; `Flowers-Delivery`, an id that a repeated request has again;
`Flowers-Signature: sha256=HEX`, the HMAC of the body with the secret, if there is one. Any 2xx is success.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import json
import os
import queue
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flowers_tfx.errors import InputError
from flowers_tfx.progress import notify

SECRET = "FLOWERS_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable
_WAITING_EVENTS, _ANSWER_BYTES = 100, 1 << 16


@dataclass(frozen=True)
class WebhookTarget:
    """`secret` signs the requests; empty: they are not signed. `wait_s` before the second attempt, twice as long before each next one."""

    url: str
    secret: bytes = b""
    attempts: int = 5
    wait_s: float = 1.0
    timeout_s: float = 10.0

    def __repr__(self) -> str:
        """Without the secret, and without the path of the URL, which is one with some services."""
        return f"WebhookTarget({self.host})"

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""


def read_secret(secret_file: str, key: str) -> bytes:
    """From the file that the setting `key` names, or from the environment if it names none. Raises InputError for a file that is empty
    or cannot be read."""
    if not secret_file:
        return os.environ.get(SECRET, "").encode()
    try:
        secret = Path(secret_file).read_bytes().strip()
    except OSError as error:
        raise InputError(f"The secret of the webhook, {secret_file}, cannot be read: {error.strerror}.", f"Correct {key}.") from None
    if not secret:
        raise InputError(f"The secret of the webhook, {secret_file}, is empty.", "Store the secret in it, alone.")
    return secret


def signature(secret: bytes, body: bytes) -> str:
    return f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"


class Webhook:
    """Sends from a thread of its own, one event after the other."""

    def __init__(self, target: WebhookTarget) -> None:
        self._target = target
        self._events: queue.Queue[Mapping[str, Any] | None] = queue.Queue(_WAITING_EVENTS)
        self._closing = threading.Event()
        self._opener = urllib.request.build_opener(_NoRedirects)
        self._thread = threading.Thread(target=self._work, name="webhook", daemon=True)
        self._thread.start()

    def send(self, event: Mapping[str, Any]) -> None:
        """Returns at once. An event that finds too many others waiting is dropped with a notice."""
        try:
            self._events.put_nowait(event)
        except queue.Full:
            notify(f"The webhook at {self._target.host} does not keep up: an event was dropped.")

    def close(self, wait_s: float = 5.0) -> None:
        """Sends what waits, without waiting for another attempt, for at most `wait_s` seconds."""
        self._closing.set()
        with contextlib.suppress(queue.Full):
            self._events.put_nowait(None)
        self._thread.join(wait_s)

    def _work(self) -> None:
        while (event := self._events.get()) is not None:
            self._deliver(event)

    def _deliver(self, event: Mapping[str, Any]) -> None:
        body = json.dumps(event).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "flowers_tfx", "Flowers-Event": str(event.get("event", ""))}
        headers["Flowers-Delivery"] = uuid.uuid4().hex
        if self._target.secret:
            headers["Flowers-Signature"] = signature(self._target.secret, body)
        for attempt in range(self._target.attempts):
            problem = self._post(body, headers)
            if not problem:
                return
            last = attempt == self._target.attempts - 1 or self._closing.is_set()
            if last:
                break
            self._closing.wait(self._target.wait_s * 2**attempt)
        notify(f"The webhook at {self._target.host} did not take the event {headers['Flowers-Event']}: {problem}.")

    def _post(self, body: bytes, headers: Mapping[str, str]) -> str:
        """What went wrong; empty if the event was taken."""
        request = urllib.request.Request(self._target.url, body, dict(headers), method="POST")  # noqa: S310 - the configuration checks it
        deadline = time.monotonic() + self._target.timeout_s
        try:
            with self._opener.open(request, timeout=self._target.timeout_s) as answer:
                # Read, so that a slow server ends in peace, and no further than this.
                left = _ANSWER_BYTES
                while left > 0 and time.monotonic() < deadline and (piece := answer.read1(left)):
                    left -= len(piece)
            return ""
        except urllib.error.HTTPError as error:
            with error:
                return f"it answered {error.code}"
        # An answer that is not HTTP is no OSError, and would end the thread that sends.
        except (OSError, ValueError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            return str(getattr(reason, "strerror", None) or type(reason).__name__)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """What is signed for one address is not sent to another."""

    def redirect_request(self, *_arguments: Any) -> None:
        return None
