"""Recurring runs on open-source Pipelines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.kubeflow.client import Client, quoted
from flowers_tfx.orchestration.kubeflow.package import Package
from flowers_tfx.orchestration.kubeflow.runs import RunTarget, experiment_id, parameters_of, run_body

MODES = {"pause": "disable", "resume": "enable"}

_SIX = (
    "Six fields, seconds first: SECOND MINUTE HOUR DAY MONTH WEEKDAY. "
    "`0 30 2 * * *` is every day at 02:30:00, `0 0 6 * * 1` every Monday at 6."
)
_FIELDS = (("second", 0, 59), ("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 6))
_NAMES = {
    "month": ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
    "weekday": ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"),
}
_SHORTCUTS = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})
_EVERY = re.compile(r"@every (\d+(\.\d+)?(h|m|s))+")


def checked_cron(cron: str) -> str:
    """The expression with single spaces. Raises InputError, with the way it is written, on what the backend would refuse or take for
    something else."""
    text = " ".join(cron.split())
    if text in _SHORTCUTS or _EVERY.fullmatch(text):
        return text
    parts = text.split(" ")
    if len(parts) == 5:
        raise InputError(f"The schedule `{text}` has five fields, and Kubeflow's begins with the seconds: `0 {text}`?", _SIX)
    if len(parts) != len(_FIELDS):
        raise InputError(f"The schedule `{text}` has {len(parts)} fields and not six.", _SIX)
    for part, (name, least, most) in zip(parts, _FIELDS, strict=True):
        for piece in part.split(","):
            if not _is_piece(piece, name, least, most):
                raise InputError(f"The schedule `{text}`: {part} is no {name} ({least} to {most}).", _SIX)
    if parts[0] == "*":
        raise InputError(f"The schedule `{text}` begins with * and would start a run every second.", _SIX)
    return text


def _is_piece(piece: str, name: str, least: int, most: int) -> bool:
    """`*`, a number, a range, each with a step or without."""
    span, slash, step = piece.partition("/")
    if slash and not (step.isdecimal() and int(step) > 0):
        return False
    if span in ("*", "?"):
        return span == "*" or name in ("day", "weekday")
    first, dash, last = span.partition("-")
    ends = [_number(end, name, least) for end in ((first, last) if dash else (first,))]
    return all(end is not None and least <= end <= most for end in ends) and (not dash or ends[0] <= ends[1])  # type: ignore[operator]


def _number(text: str, name: str, least: int) -> int | None:
    names = _NAMES.get(name, ())
    if text.upper() in names:
        return names.index(text.upper()) + least
    return int(text) if text.isdecimal() else None


def recurring_body(
    package: Package,
    name: str,
    experiment: str,
    target: RunTarget,
    parameters: Mapping[str, str],
    trigger: Mapping[str, Any],
    max_concurrency: int,
) -> dict[str, Any]:
    """A V2beta1RecurringRun. What was missed while it was paused is not made up for: the next run takes in everything that is new."""
    body = run_body(package, name, experiment, target, parameters)
    body |= {"trigger": dict(trigger), "max_concurrency": str(max_concurrency), "no_catchup": True, "mode": "ENABLE"}
    return {**body, "namespace": target.namespace} if target.namespace else body


def trigger_of(cron: str | None, interval_s: int | None) -> dict[str, Any]:
    """A V2beta1Trigger. Raises InputError unless exactly one of both is given, and right."""
    if (cron is None) == (interval_s is None):
        raise InputError("A schedule has either --cron or --interval.", _SIX)
    if cron is not None:
        return {"cron_schedule": {"cron": checked_cron(cron)}}
    if interval_s is not None and interval_s < 1:
        raise InputError(f"The interval {interval_s} s is too short.", "Give seconds from 1.")
    return {"periodic_schedule": {"interval_second": str(interval_s)}}


def create(
    client: Client,
    package: Package,
    name: str,
    target: RunTarget,
    parameters: Mapping[str, str],
    trigger: Mapping[str, Any],
    max_concurrency: int,
) -> str:
    """The id of a new schedule. Raises InputError when a schedule of this name is there: two would start every run twice."""
    given = parameters_of(package, parameters)
    same = [found for found in list_all(client, target.namespace) if found["name"] == name]
    if same:
        raise InputError(f"There is a schedule {name} already, {same[0]['id']}.", "Delete it first, or give another --name.")
    body = recurring_body(package, name, experiment_id(client, target), target, given, trigger, max_concurrency)
    return str(client.post("recurringruns", body)["recurring_run_id"])


def list_all(client: Client, namespace: str) -> list[dict[str, Any]]:
    """The schedules of a namespace, as plain values."""
    return [_said(found) for found in client.every("recurringruns", "recurringRuns", namespace=namespace)]


def switch(client: Client, schedule_id: str, what: str) -> None:
    """`what` is pause or resume."""
    client.post(f"recurringruns/{quoted(schedule_id)}:{MODES[what]}")


def delete(client: Client, schedule_id: str) -> None:
    client.delete(f"recurringruns/{quoted(schedule_id)}")


def _said(found: Mapping[str, Any]) -> dict[str, Any]:
    trigger = found.get("trigger") or {}
    interval = (trigger.get("periodic_schedule") or {}).get("interval_second")
    return {
        "id": str(found.get("recurring_run_id", "")),
        "name": str(found.get("display_name", "")),
        "cron": (trigger.get("cron_schedule") or {}).get("cron"),
        "interval_s": None if interval is None else int(interval),
        "status": {"ENABLED": "active", "DISABLED": "paused"}.get(str(found.get("status")), str(found.get("status", ""))),
        "max_concurrency": int(found.get("max_concurrency") or 0),
    }
