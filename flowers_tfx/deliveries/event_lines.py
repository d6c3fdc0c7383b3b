"""Events of a watcher as lines for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowers_tfx.data.delivery import visible


def event_line(event: Mapping[str, Any]) -> str:
    time = str(event["time"])[11:19]
    # Names of files and messages may hold anything.
    return visible(f"{time} {event['event']}: {_text(event)}")


def _text(event: Mapping[str, Any]) -> str:
    match event["event"]:
        case "batch":
            return f"{event['csv'] or _count(event['files'], 'file')}, delivery {event['delivery']}"
        case "span":
            counts = ", ".join(f"{event[name]} {name}" for name in ("known", "duplicates", "rejected") if event[name])
            span = f"span {event['span']}" if event["span"] else "nothing new, no span"
            return f"{span}, {_count(event['examples'], 'new photo')}{', ' if counts else ''}{counts}"
        case "set_aside":
            reasons = "; ".join(f"{count} x {reason}" for reason, count in list(event["reasons"].items())[:3])
            return f"{_count(event['files'], 'file')}: {reasons} ({event['record']})"
        case "run":
            return f"{event['status']}, {event['run_id'] or 'not started'}, {event['seconds']:.0f} s"
        case "pushed":
            return f"version {event['version']}: {event['pushed_model']}"
        case "blocked":
            return " ".join(filter(None, (event["error"], event["hint"])))
        case "failed":
            again = "" if event["retry_in_s"] is None else f" Next attempt in {event['retry_in_s']:.0f} s."
            return f"{event['step']}: {' '.join(filter(None, (event['error'], event['hint'])))}{again}"
        case "idle":
            return "a run waits for a decision" if event["blocked"] else "nothing to do"
        case name:
            raise ValueError(name)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
