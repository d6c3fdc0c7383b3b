"""The watcher: new files become deliveries, deliveries become spans, spans and decisions become runs. One step at a time; the state says
after a kill where to go on."""

from __future__ import annotations

from flowers_tfx.deliveries.inbox import Inbox
from flowers_tfx.deliveries.ingest_step import IngestStep
from flowers_tfx.deliveries.run_step import RunStep
from flowers_tfx.deliveries.session import Session

_JOB_POLL_S = 0.25


class Watcher:
    def __init__(self, session: Session, inbox: Inbox, ingest: IngestStep, run: RunStep) -> None:
        self._session, self._inbox, self._ingest, self._run = session, inbox, ingest, run
        self._next_look = 0.0
        self._was_idle = False
        state = session.state
        session.folder.remove_deliveries(state)
        if session.once:
            # Whoever calls decides when the next attempt is.
            for delivery in state.deliveries:
                delivery.not_before = 0.0
            if state.run is not None:
                state.run.not_before = 0.0

    def tick(self, now: float, hint: bool = False) -> float:
        """Does what is due, and returns the seconds until it must be called again. `hint`: files have changed, as the disk reports."""
        if hint or now >= self._next_look or self._next_look > now + self._session.settings.poll_s:
            self._next_look = now + self._session.settings.poll_s
            self._inbox.look(now)
            self._run.look_for_decisions()
        while self._advance(now):
            self._was_idle = False
        if self.is_idle and not self._was_idle:
            self._was_idle = True
            run = self._session.state.run
            self._session.emit("idle", blocked=run is not None and run.status == "blocked")
        return self._seconds_to_next(now)

    @property
    def is_idle(self) -> bool:
        """Nothing is at work, and nothing waits for its time."""
        run = self._session.state.run
        waits = run is not None and run.status in ("due", "started")
        return not (self._is_busy or waits or self._session.state.deliveries or len(self._inbox.arrivals))

    def has_nothing_to_do(self, now: float) -> bool:
        """Nothing is at work, and what waits waits for another attempt."""
        ready = [delivery for delivery in self._session.state.deliveries if delivery.not_before <= now]
        return not (self._is_busy or ready or self._run.is_ready(now) or len(self._inbox.arrivals))

    def waits_for_growing_files(self, now: float) -> bool:
        """Nothing is at work or waits but files that still change."""
        return not (self._is_busy or self._run.is_ready(now) or self._session.state.deliveries or self._inbox.arrivals.complete(now))

    @property
    def exit_code(self) -> int:
        """Of the last run; without a run since the start, of a delivery that failed, else of the run that waits."""
        state = self._session.state
        if self._run.ended:
            return state.exit_code
        return self._ingest.exit_code or (state.exit_code if state.run else 0)

    def stop(self) -> None:
        """Ends what is at work; the next start completes it."""
        self._ingest.stop()
        self._run.stop()

    @property
    def _is_busy(self) -> bool:
        return self._ingest.is_busy or self._run.is_busy

    def _advance(self, now: float) -> bool:
        """One step; False if there is none to take now."""
        if self._is_busy:
            self._ingest.poll(now)
            self._run.poll(now)
            return not self._is_busy
        if self._run.is_ready(now):
            self._run.start(now)
            return False
        delivery = next((one for one in self._session.state.deliveries if one.not_before <= now), None)
        if delivery is not None:
            self._ingest.start(delivery)
            return not self._ingest.is_busy
        return self._inbox.cut(now)

    def _seconds_to_next(self, now: float) -> float:
        if self._is_busy:
            return _JOB_POLL_S
        state = self._session.state
        times = [self._next_look, *(one.not_before for one in state.deliveries)]
        if state.run is not None and state.run.status == "due":
            times.append(state.run.not_before)
        to_start = self._inbox.arrivals.seconds_to_start(now)
        seconds = min([*(time - now for time in times), *([] if to_start is None else [to_start])])
        return max(_JOB_POLL_S, seconds)
