"""The watched place as a watcher sees it: what is new, and the deliveries that it becomes."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable

from flowers_tfx.deliveries.arrivals import Arrivals
from flowers_tfx.deliveries.batching import BatchingRules
from flowers_tfx.deliveries.session import Session
from flowers_tfx.deliveries.sources import Source, SourceFile, SourceListing
from flowers_tfx.deliveries.watch_state import Delivery
from flowers_tfx.errors import InputError


class Inbox:
    def __init__(self, source: Source, session: Session) -> None:
        self._source, self._session = source, session
        settings, folder, state = session.settings, session.folder, session.state
        stable_s = settings.stable_s if source.grows else 0.0
        # `--once` is for what is there: it waits until all of it is complete, and for no more.
        rules = (
            BatchingRules(stable_s, settings.longest_wait_s)
            if session.once
            else BatchingRules(settings.quiet_s, settings.longest_wait_s, settings.smallest_count)
        )
        self.arrivals = Arrivals(rules, stable_s, state.waiting_since)
        self._delivered = folder.delivered()
        self._handled = self._delivered | folder.set_aside_stamps()
        for delivery in state.deliveries:
            self._handled |= folder.stamps(delivery)
        self._left_out = folder.left_out()
        self._listing = SourceListing()
        self._error = ""

    def look(self, now: float) -> None:
        """Lists the place. A place that cannot be read now is a failed event, once."""
        try:
            self._listing = self._source.list()
        except InputError as error:
            if error.message != self._error:
                self._session.emit("failed", step="look", error=error.message, hint=error.hint, attempt=1, retry_in_s=None)
            self._error = error.message
            return
        self._error = ""
        self.arrivals.update(self._listing.files, self._handled, now)
        if self.arrivals.waiting_since != self._session.state.waiting_since:
            self._session.state.waiting_since = self.arrivals.waiting_since
            self._session.save()
        self._set_aside_left_out()

    def cut(self, now: float) -> bool:
        """Makes deliveries of the complete files if it is time: one of all photos, and one of each CSV."""
        if self.arrivals.seconds_to_start(now) != 0.0:
            return False
        # Since the last look a file may have grown.
        self.look(now)
        if self.arrivals.seconds_to_start(now) != 0.0:
            return False
        files = self.arrivals.complete(now)
        photos = {name: file for name, file in files.items() if file.label}
        parts = [({name: file}, file.uri) for name, file in files.items() if not file.label]
        if photos:
            parts.insert(0, (photos, ""))
        deliveries = [self._add(part, csv) for part, csv in parts]
        self.arrivals.waiting_since = None
        self.arrivals.update(self._listing.files, self._handled, now)
        self._session.state.waiting_since = self.arrivals.waiting_since
        self._session.state.deliveries += deliveries
        self._session.save()
        for delivery in deliveries:
            self._session.emit("batch", delivery=delivery.id, files=delivery.files, csv=delivery.csv or None)
        return bool(deliveries)

    def close(self, delivery: Delivery) -> None:
        """Call this when a delivery was ingested, before the state forgets it."""
        self._delivered |= self._session.folder.stamps(delivery)
        names = self._listing.files
        self._delivered = {name: stamp for name, stamp in self._delivered.items() if name in names or not names}
        self._session.folder.save_delivered(self._delivered)

    def _add(self, files: dict[str, SourceFile], csv: str) -> Delivery:
        delivery = Delivery(uuid.uuid4().hex, len(files), csv)
        self._session.folder.write_delivery(delivery, files)
        self._handled |= {name: file.stamp for name, file in files.items()}
        return delivery

    def _set_aside_left_out(self) -> None:
        """Entries that cannot be listed are set aside once."""
        left_out = self._listing.left_out
        new = {name: reason for name, reason in left_out.items() if self._left_out.get(name) != reason}
        if left_out == self._left_out:
            return
        record = self._session.folder.save_left_out(left_out)
        self._left_out = dict(left_out)
        if new:
            self._session.emit("set_aside", delivery=None, files=len(new), reasons=count_reasons(new.values()), record=str(record))


def count_reasons(reasons: Iterable[str]) -> dict[str, int]:
    """How often each reason occurs, the most frequent first."""
    return dict(Counter(reasons).most_common())
