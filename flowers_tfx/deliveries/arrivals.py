"""Which files of a watched place wait to be delivered, and since when. The caller has the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flowers_tfx.deliveries.batching import BatchingRules, WaitingFiles, seconds_to_start
from flowers_tfx.deliveries.sources import SourceFile


@dataclass(frozen=True)
class _Arrival:
    file: SourceFile
    changed: float


class Arrivals:
    """Files that are new or have changed since they were delivered. A file is complete when it has not changed for `stable_s` seconds."""

    def __init__(self, rules: BatchingRules, stable_s: float, waiting_since: float | None = None) -> None:
        """`waiting_since`: the time of the first arrival, if files already waited before a restart."""
        self._rules, self._stable_s = rules, stable_s
        self._arrivals: dict[str, _Arrival] = {}
        self.waiting_since = waiting_since

    def update(self, files: Mapping[str, SourceFile], delivered: Mapping[str, str], now: float) -> None:
        """`files` are those that are there now; `delivered` has the stamps of those that were delivered."""
        before = self._arrivals
        self._arrivals = {}
        for name, file in files.items():
            if delivered.get(name) == file.stamp:
                continue
            arrival = before.get(name)
            same = arrival is not None and arrival.file.stamp == file.stamp
            # A clock that was set back must not make a file wait until it reaches the old time again.
            self._arrivals[name] = _Arrival(file, min(arrival.changed, now) if arrival and same else now)
        if not self._arrivals:
            self.waiting_since = None
        else:
            self.waiting_since = min(now, now if self.waiting_since is None else self.waiting_since)

    def __len__(self) -> int:
        return len(self._arrivals)

    def complete(self, now: float) -> dict[str, SourceFile]:
        return {name: one.file for name, one in sorted(self._arrivals.items()) if now - one.changed >= self._stable_s}

    def seconds_to_start(self, now: float) -> float | None:
        """How long the files that wait still wait, if no other arrives; 0.0: they are a delivery now; None: nothing waits."""
        if not self._arrivals or self.waiting_since is None:
            return None
        complete = self.complete(now)
        changed = [one.changed for one in self._arrivals.values()]
        next_complete = min(changed) + self._stable_s - now
        if not complete:
            return max(next_complete, 0.0)
        # A CSV says what belongs together: it need not wait for company.
        has_csv = any(not file.label for file in complete.values())
        count = max(len(complete), self._rules.smallest_count if has_csv else 0)
        left = seconds_to_start(self._rules, WaitingFiles(count, self.waiting_since, max(changed)), now)
        incomplete = [time + self._stable_s - now for time in changed if now - time < self._stable_s]
        return min([left, *incomplete]) if left else 0.0
