"""What the steps of a watcher share: its settings, its state and its events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from flowers_tfx.config import WatchConfig
from flowers_tfx.deliveries.watch_state import StateFolder, WatchState
from flowers_tfx.storage import Lock

Event = dict[str, Any]
# What the webhook gets.
WEBHOOK_EVENTS = frozenset({"pushed", "blocked", "failed"})
_LONGEST_RETRY_S = 3600.0


def make_event(event: str, **fields: Any) -> Event:
    return {"event": event, "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"), **fields}


@dataclass
class Session:
    """`emit` gets each event, a JSON object."""

    settings: WatchConfig
    folder: StateFolder
    state: WatchState
    lock: Lock
    emit_event: Callable[[Event], None]
    once: bool = False

    def save(self) -> None:
        """Raises InputError if another watcher took over."""
        self.lock.renew_or_fail()
        self.folder.save(self.state)

    def emit(self, event: str, **fields: Any) -> None:
        self.emit_event(make_event(event, **fields))

    def retry_wait_s(self, attempts: int) -> float | None:
        """How long to wait after so many failed attempts; None: there is no further attempt."""
        if attempts > self.settings.retries:
            return None
        return float(min(self.settings.retry_s * 2 ** (attempts - 1), _LONGEST_RETRY_S))
