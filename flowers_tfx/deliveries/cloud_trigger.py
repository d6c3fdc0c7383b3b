"""The trigger: what arrives in a bucket, and what a clock says, become runs on Kubeflow, each once."""

from __future__ import annotations

import contextlib
import hashlib
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from flowers_tfx.config import PipelineConfig
from flowers_tfx.deliveries.batching import BatchingRules, WaitingFiles, seconds_to_start
from flowers_tfx.deliveries.cloud_claims import END_STATES, Claim, ClaimLost, Delivery, claim, record_name
from flowers_tfx.deliveries.cloud_events import StoredObject
from flowers_tfx.deliveries.cloud_records import Arrival, CloudRecords
from flowers_tfx.deliveries.cloud_runs import list_objects, start_run
from flowers_tfx.deliveries.cloud_sources import Role, Source
from flowers_tfx.errors import InputError
from flowers_tfx.storage import BucketPath, storage_path
from flowers_tfx.storage.store import ConditionFailed

# How long a request waits for another instance that works on the same delivery.
WAIT_S, POLL_S = 20.0, 0.2
# Entries of the index that are checked before a delivery starts. All of them are when it takes its photos.
CONFIRMED = 100
_SHOWN = ("id", "kind", "state", "name", "photos", "csv", "run_id", "error")


@dataclass
class Outcome:
    """What became of a request: objects by what they were, and the deliveries that it started, continued or asked for. `unfinished`: one
    that it asked for has no run yet, so that the request must come again."""

    recorded: int = 0
    duplicates: int = 0
    ignored: int = 0
    deliveries: list[dict[str, Any]] = field(default_factory=list)
    unfinished: bool = False

    def add(self, record: dict[str, Any], required: bool) -> None:
        shown = {key: record.get(key) for key in _SHOWN}
        self.deliveries = [*(delivery for delivery in self.deliveries if delivery["id"] != shown["id"]), shown]
        self.unfinished |= required and record.get("state") not in END_STATES

    def as_json(self) -> dict[str, Any]:
        counts = {"recorded": self.recorded, "duplicates": self.duplicates, "ignored": self.ignored}
        return {**counts, "deliveries": self.deliveries}


class CloudTrigger:
    """Methods raise InputError and RuntimeError of the store."""

    def __init__(self, config: PipelineConfig, clock: Callable[[], float] = time.time) -> None:
        """Raises InputError for a configuration that no trigger can work with."""
        self._config, self._clock = config, clock
        self.source = Source.from_config(config.trigger)
        data_root = storage_path(config.data_root)
        if not isinstance(data_root, BucketPath):
            raise InputError(
                f"Configuration key data_root: {config.data_root} is not in a bucket.", "Instances remember there what they did."
            )
        if f"{data_root}/".startswith(f"{self.source.uri}/"):
            raise InputError(
                "Configuration key trigger.source: the data root is in it, so what the trigger writes would be a delivery.",
                "Let deliveries arrive in a folder of their own.",
            )
        folder = hashlib.sha256(self.source.uri.encode()).hexdigest()[:12]
        self._records = CloudRecords(data_root / "triggers" / folder)
        watch = config.watch
        self._rules = BatchingRules(watch.quiet_s, watch.longest_wait_s, watch.smallest_count)

    def accept(self, written: Iterable[StoredObject]) -> Outcome:
        """Objects that an event names: photos are written down, markers and CSVs start a run. Quiet times are judged, as no timer does."""
        outcome = Outcome()
        photos = self._sort(written, outcome)
        if photos or outcome.deliveries:
            new_photos = self._add(photos, outcome)
            self._continue(outcome, retry_failed=False)
            self._start_when_quiet(outcome, new_photos)
        return outcome

    def tick(self, schedule: str | None = None, scan: bool = False) -> Outcome:
        """What a cron calls: deliveries whose quiet time is over start, failed submissions are tried again, and `schedule`, the name and
        the time of a scheduled run, starts that run once. `scan`: finds in the bucket what no event told of."""
        outcome = Outcome()
        self._continue(outcome, retry_failed=True)
        if scan:
            self._scan(outcome)
        self._start_when_quiet(outcome, set())
        if schedule is not None:
            digest = hashlib.sha256(schedule.encode()).hexdigest()[:40]
            self._start(Delivery(f"schedule-{digest}", "schedule"), outcome, required=True)
        return outcome

    def _sort(self, written: Iterable[StoredObject], outcome: Outcome) -> list[StoredObject]:
        """Starts the deliveries of markers and CSVs, and returns the photos that wait for a quiet time."""
        photos = []
        for stored in written:
            role = self.source.role(stored)
            if role in (Role.MARKER, Role.CSV):
                self._start(_marker_delivery(stored, role), outcome, required=True)
            elif role is Role.PHOTO and self.source.waits_for_quiet:
                photos.append(stored)
            else:
                outcome.ignored += 1
        return photos

    def _add(self, photos: list[StoredObject], outcome: Outcome) -> set[str]:
        new_photos = self._records.add_photos(photos, self._clock())
        outcome.recorded += len(new_photos)
        outcome.duplicates += len(photos) - len(new_photos)
        return new_photos

    def _start(self, delivery: Delivery, outcome: Outcome, required: bool, retry_failed: bool = True) -> None:
        """Starts the delivery, or waits for the instance that does. `required`: the request is about this delivery."""
        if delivery.kind != "quiet" and not self._records.read(record_name(delivery.id))[0]:
            self._records.write(f"open/{delivery.id}.json", delivery.as_json())
        deadline = time.monotonic() + WAIT_S
        while True:
            claimed = claim(self._records, delivery, self._config.name, self._config.trigger.claim_s, retry_failed, self._clock)
            if isinstance(claimed, Claim):
                with contextlib.suppress(ClaimLost):
                    start_run(claimed, self._config, self.source)
                    return outcome.add(claimed.record, required)
            elif not required or claimed["state"] in END_STATES or time.monotonic() > deadline:
                if required:
                    outcome.duplicates += delivery.kind != "schedule"
                    outcome.add(claimed, required)
                return None
            time.sleep(POLL_S)

    def _continue(self, outcome: Outcome, retry_failed: bool) -> None:
        """Takes up deliveries whose instance died, or whose submission failed."""
        for name in list(self._records.names("open")):
            description, _ = self._records.read(f"open/{name}")
            if not description:
                continue  # another instance has just finished it
            if self._records.read(record_name(description["id"]))[0].get("state") in END_STATES:
                self._records.delete([f"open/{name}"])
                continue
            self._start(Delivery.from_json(description), outcome, required=False, retry_failed=retry_failed)
        newest = self._records.read("quiet.json")[0].get("delivery")
        if newest and self._records.read(record_name(newest))[0].get("state") not in END_STATES:
            self._start(Delivery(newest, "quiet"), outcome, required=False, retry_failed=retry_failed)

    def _start_when_quiet(self, outcome: Outcome, new_photos: set[str]) -> None:
        """Of several instances one starts the delivery: the one that writes its name into quiet.json."""
        if not self.source.waits_for_quiet or not self._is_due(self._records.arrivals(), new_photos):
            return
        slot, tag = self._records.read("quiet.json")
        if slot and self._records.read(record_name(slot["delivery"]))[0].get("state") not in END_STATES:
            return  # the photos that wait may be of this delivery
        # Read once more, after the slot: another delivery may just have taken its photos. The oldest ones decide, and an entry that an
        # instance wrote too late would be one of them.
        arrivals = self._records.arrivals()
        oldest = [arrival for arrival, _ in self._records.confirm(arrivals[:CONFIRMED])]
        if not self._is_due([*oldest, *arrivals[CONFIRMED:]], new_photos):
            return
        delivery = Delivery(f"quiet-{uuid.uuid4().hex}", "quiet")
        try:
            self._records.write("quiet.json", {"delivery": delivery.id}, tag)
        except ConditionFailed:
            return  # another instance was faster
        self._start(delivery, outcome, required=False)

    def _is_due(self, arrivals: list[Arrival], new_photos: set[str]) -> bool:
        """Whether the photos start now: after a quiet time that an arrival of this request ended, or together with what just arrived."""
        now = self._clock()
        before = [arrival for arrival in arrivals if arrival.object_id not in new_photos]
        for group in filter(None, (before, arrivals)):
            times = [arrival.time for arrival in group]
            if seconds_to_start(self._rules, WaitingFiles(len(group), min(times), max(times)).not_after(now), now) == 0:
                return True
        return False

    def _scan(self, outcome: Outcome) -> None:
        """Finds photos, markers and CSVs that were not written down."""
        photo_ids = {name.removesuffix(".json") for name in self._records.names("objects")}
        deliveries = {name.removesuffix(".json") for name in self._records.names("deliveries")}
        photos = []
        for stored in list_objects(self.source, self.source.prefix):
            role = self.source.role(stored)
            if role in (Role.MARKER, Role.CSV):
                delivery = _marker_delivery(stored, role)
                if delivery.id not in deliveries:
                    self._start(delivery, outcome, required=False)
            elif role is Role.PHOTO and self.source.waits_for_quiet and stored.id not in photo_ids:
                photos.append(stored)
        self._add(photos, outcome)


def _marker_delivery(stored: StoredObject, role: Role) -> Delivery:
    return Delivery(f"{role.name.lower()}-{stored.id}", "csv" if role is Role.CSV else "marker", stored)
