"""Reviews what is served again and again, on a schedule, until a signal comes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any, TypeVar

from flowers_tfx.errors import InputError
from flowers_tfx.monitoring.monitor import MonitorRequest, Outcome, VersionReview, mark_notified, monitor
from flowers_tfx.monitoring.monitor_state import read_state, write_state
from flowers_tfx.monitoring.schedule import Schedule
from flowers_tfx.stop_signals import StopSignals
from flowers_tfx.storage import lock

Event = dict[str, Any]
_Result = TypeVar("_Result")
# The clock may be set while the monitor waits.
_LONGEST_WAIT_S = 60.0
_MOST_FINDINGS = 20


@contextlib.contextmanager
def only_monitor(request: MonitorRequest) -> Iterator[None]:
    """Raises InputError while another monitor is at work on the same records."""
    hint = f"Its reviews are in {request.folder}; stop it to review by hand."
    with lock(request.folder, wait=False, holder="monitor", hint=hint):
        yield


def watch(request: MonitorRequest, schedule: Schedule, emit: Callable[[Event], None]) -> None:
    """Until SIGTERM or SIGINT. `emit` gets each event; a `reviewed` one with `changed` counts as told once `emit` has returned.

    The first review is due at once, or when the one before it was due to be followed by the next: a restart neither leaves one out nor
    makes one more. Raises InputError if another monitor is at work. Trouble with a single review is an event, and the next one is due as
    planned.
    """
    with StopSignals() as signals, only_monitor(request):
        due = _first_time(request, schedule)
        while not signals.stopped:
            due = min(due, schedule.next_after(_now()))  # earlier if the clock was set back
            seconds = (due - _now()).total_seconds()
            if seconds > 0:
                signals.wait(min(seconds, _LONGEST_WAIT_S))
                continue
            now = _now()
            with signals.interrupting():
                outcome = _try(now, emit, lambda: monitor(request, now))  # noqa: B023 - called in the same turn
            _try(now, emit, lambda: _remember(request, now))  # noqa: B023
            for event, review in _events(outcome, now):
                emit(event)
                if event["changed"]:
                    _try(now, emit, lambda: mark_notified(request, review))  # noqa: B023
            due = schedule.next_after(now)


def _try(now: datetime, emit: Callable[[Event], None], step: Callable[[], _Result]) -> _Result | None:
    """A full disk, or a file that another program damaged, must not end the monitor."""
    try:
        return step()
    except InputError as error:
        emit(_event("skipped", now, error=error.message, hint=error.hint))
    except (OSError, RuntimeError, ValueError) as error:
        emit(_event("failed", now, error=f"{type(error).__name__}: {error}", hint="The next review is made as planned."))
    return None


def _events(outcome: Outcome | None, now: datetime) -> Iterator[tuple[Event, VersionReview]]:
    for review in outcome.reviews if outcome else ():
        yield review_event(review, now), review


def review_event(review: VersionReview, now: datetime) -> Event:
    """What the log and the webhook get of a review."""
    value = review.as_json()
    served, harm = value["served"], value["harm"] or {}
    findings = [one for one in value["findings"] if one["level"] != "note"]
    return _event(
        "reviewed",
        now,
        version=served["version"],
        client=served["client"],
        verdict=value["verdict"],
        earlier_verdict=review.earlier,
        changed=value["verdict"] != review.earlier,
        answers=served["answers"],
        photos=served["compared_photos"],
        unknown=served["unknown"]["value"],
        accuracy=harm.get("accuracy"),
        estimated=harm.get("estimated"),
        story=value["story"],
        findings=[{name: one[name] for name in ("id", "level", "message")} for one in findings[:_MOST_FINDINGS]],
        more_findings=max(0, len(findings) - _MOST_FINDINGS),
        report=value["report"],
    )


def _first_time(request: MonitorRequest, schedule: Schedule) -> datetime:
    reviewed = read_state(request.folder).reviewed
    return schedule.next_after(datetime.fromisoformat(reviewed)) if reviewed else _now()


def _remember(request: MonitorRequest, now: datetime) -> None:
    state = read_state(request.folder)
    state.reviewed = now.isoformat(timespec="seconds")
    write_state(request.folder, state)


def _event(name: str, now: datetime, **fields: Any) -> Event:
    return {"event": name, "time": now.isoformat(timespec="seconds"), **fields}


def _now() -> datetime:
    return datetime.now(timezone.utc)
