"""Which instance works on a delivery: one at a time, another one after it died.

The record of a delivery names its owner and when that one last wrote. An owner that has not written for `trigger.claim_s` seconds is
taken for dead, and another instance takes over with a conditional write. So the clocks of instances are compared, which a cloud keeps
within a second.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Literal

from flowers_tfx.deliveries.cloud_events import StoredObject
from flowers_tfx.deliveries.cloud_records import CloudRecords
from flowers_tfx.storage.store import ConditionFailed

Kind = Literal["quiet", "marker", "csv", "schedule"]
CLAIMED, PREPARED, SUBMITTED, EMPTY, FAILED = "claimed", "prepared", "submitted", "empty", "failed"
END_STATES = frozenset({SUBMITTED, EMPTY, FAILED})


@dataclass(frozen=True)
class Delivery:
    """What starts a run: photos after a quiet time, a marker, a CSV (`stored` is its object), or a schedule. The id is that of the cause:
    an event that comes twice is one delivery."""

    id: str
    kind: Kind
    stored: StoredObject | None = None

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "kind": self.kind, "stored": vars(self.stored) if self.stored else None}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Delivery:
        return cls(value["id"], value["kind"], StoredObject(**value["stored"]) if value["stored"] else None)


class ClaimLost(Exception):
    """Another instance took over the delivery."""


@dataclass
class Claim:
    """The delivery is this instance's. `record` is its state, with the run's name, which no other run has."""

    records: CloudRecords
    record: dict[str, Any]
    clock: Callable[[], float]
    _tag: str = field(repr=False)

    @property
    def state(self) -> str:
        return str(self.record["state"])

    def update(self, **changes: Any) -> None:
        """Writes changes, and that the owner lives. Raises ClaimLost if it is the owner no more."""
        changed = {**self.record, **changes, "renewed": self.clock()}
        try:
            self._tag = self.records.write(record_name(self.record["id"]), changed, self._tag)
        except ConditionFailed:
            raise ClaimLost(self.record["id"]) from None
        self.record = changed


def record_name(delivery_id: str) -> str:
    return f"deliveries/{delivery_id}.json"


def claim(
    records: CloudRecords, delivery: Delivery, pipeline: str, claim_s: float, retry_failed: bool, clock: Callable[[], float]
) -> Claim | dict[str, Any]:
    """The claim, or the record of a delivery that is finished or another instance's. `retry_failed`: also one whose submission failed a
    moment ago is taken up again."""
    name, now = record_name(delivery.id), clock()
    record, tag = records.read(name)
    if not record:
        moment = datetime.fromtimestamp(now, timezone.utc)
        run_name = f"{pipeline}-{delivery.kind}-{moment:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
        unset = {"csv": None, "photos": None, "run_id": None, "error": "", "tries": 0, "server_failures": 0}
        record = {**delivery.as_json(), "state": CLAIMED, "created": moment.isoformat(timespec="seconds"), "name": run_name, **unset}
    elif record["state"] in END_STATES or not (now - record["renewed"] > claim_s or (retry_failed and record["error"])):
        return record
    claimed = Claim(records, {**record, "owner": uuid.uuid4().hex, "error": ""}, clock, tag)
    with contextlib.suppress(ClaimLost):
        claimed.update()
        return claimed
    return records.read(name)[0]
