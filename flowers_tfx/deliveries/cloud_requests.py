"""The trigger over HTTP, for any framework: who may ask, how long a request may be, which entry it means, what it is answered.

GET  anything     {"status": "ok"}, for probes; it says nothing and needs no token
POST .../cron     a clock: {"run": name, "key": time of the run, "scan": bool}, all of them optional
POST anything     events (cloud_events.py)
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowers_tfx.config import load_config
from flowers_tfx.deliveries.cloud_events import StoredObject, read_request
from flowers_tfx.deliveries.cloud_trigger import CloudTrigger, Outcome
from flowers_tfx.errors import InputError, cause_of

# An event of Cloud Storage has 2 KB, one of S3 at most 256 KB.
MAX_BODY_BYTES = 1 << 20
CONFIG, TOKEN = "FLOWERS_CONFIG", "FLOWERS_TRIGGER_TOKEN"
# What Cloud Scheduler and Knative's PingSource send, the same when they try a job again.
_TIMES = ("x-cloudscheduler-scheduletime", "ce-id")
_MAX_NAME_CHARS = 200
_CRON_KEYS = {"run": str, "key": str, "scan": bool}


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any]

    def text(self) -> str:
        return json.dumps(self.body, ensure_ascii=False)


@dataclass(frozen=True)
class Entry:
    """`token` is empty where the platform in front of the trigger refuses strangers."""

    trigger: CloudTrigger
    token: str

    @classmethod
    def from_environment(cls) -> Entry:
        """The trigger of the configuration that FLOWERS_CONFIG names. Raises InputError if nothing can work with it."""
        config = load_config(Path(os.environ.get(CONFIG, "config.yaml")))
        token = os.environ.get(TOKEN, "") if config.trigger.authentication == "token" else ""
        if config.trigger.authentication == "token" and not token:
            raise InputError(
                f"The trigger has no token, and anybody could start runs: the variable {TOKEN} is empty.",
                "Set it, or set `trigger.authentication: platform` where IAM or OIDC in front of the trigger refuses strangers.",
            )
        return cls(CloudTrigger(config), token)

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """`body`: not more than MAX_BODY_BYTES + 1 have to be read."""
        lower = {name.lower(): value for name, value in headers.items()}
        if method in ("GET", "HEAD"):
            return Answer(200, {"status": "ok"})
        if method != "POST":
            return Answer(405, _error("The trigger takes POST.", "docs/triggers.md lists its entries."))
        if not self._is_allowed(lower.get("authorization", "")):
            return Answer(401, _error("The token is missing or wrong.", f"Send `Authorization: Bearer TOKEN` with the value of {TOKEN}."))
        if len(body) > MAX_BODY_BYTES:
            return Answer(413, _error(f"The body is longer than {MAX_BODY_BYTES} bytes.", "An event is not so long."))
        try:
            act = self._read(path, lower, body)
        except InputError as error:
            return Answer(400, _error(error.message, error.hint))
        return _act(act)

    def accept(self, written: Iterable[StoredObject]) -> Answer:
        """The answer to objects that a framework has read from an event."""
        return _act(lambda: self.trigger.accept(written))

    def _read(self, path: str, headers: Mapping[str, str], body: bytes) -> Callable[[], Outcome]:
        if path.rstrip("/").endswith("/cron"):
            schedule, scan = _read_cron(headers, body)
            return lambda: self.trigger.tick(schedule, scan)
        written = read_request(headers, body)
        return lambda: self.trigger.accept(written)

    def _is_allowed(self, authorization: str) -> bool:
        return not self.token or hmac.compare_digest(authorization.encode(), f"Bearer {self.token}".encode())


def _act(act: Callable[[], Outcome]) -> Answer:
    """503 where the request must come again: no run was started yet, or the store does not answer."""
    try:
        outcome = act()
    except InputError as error:
        return Answer(503, _error(error.message, error.hint))
    except RuntimeError as error:
        return Answer(503, _error(f"The store failed: {cause_of(error)}", "The request can be sent again."))
    return Answer(503 if outcome.unfinished else 200, outcome.as_json())


def _read_cron(headers: Mapping[str, str], body: bytes) -> tuple[str | None, bool]:
    """Name and time of a scheduled run as one text, None without a run; and whether to look for what no event told of."""
    try:
        request = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        request = None
    if not isinstance(request, dict) or not all(isinstance(value, _CRON_KEYS.get(key, ())) for key, value in request.items()):
        raise InputError("The request is not one of a cron.", 'Send {"run": NAME, "key": TIME, "scan": true}, or less.')
    scan = bool(request.get("scan"))
    if "run" not in request:
        return None, scan
    key = request.get("key") or next(filter(None, (headers.get(name) for name in _TIMES)), "")
    if not key:
        raise InputError(
            "The scheduled run has no time, so that a second request for it could not be known.",
            'Send the time for which it is scheduled as "key", such as "2026-11-28T02:30".',
        )
    if max(len(request["run"]), len(key)) > _MAX_NAME_CHARS:
        raise InputError(f"The name or the key of the run has more than {_MAX_NAME_CHARS} characters.", "Send shorter ones.")
    return f"{request['run']}\0{key}", scan


def _error(message: str, hint: str) -> dict[str, Any]:
    return {"error": message, "hint": hint}
