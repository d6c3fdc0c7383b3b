"""The spans that a run works on, as SelectInputs names them: canonical JSON of [{span, digest}]."""

from __future__ import annotations

import json
from collections.abc import Sequence

from flowers_tfx.data.spans import REJECTS, Span, list_spans
from flowers_tfx.errors import InputError

CONFLICT = "label conflict"  # how the reason of such a reject begins


def window_spans(data_root: str, window: str) -> list[Span]:
    """The spans that a window names. Raises InputError when one is gone or is not the one that was selected."""
    held = {span.number: span for span in list_spans(data_root)}
    chosen = []
    for wanted in json.loads(window):
        span = held.get(wanted["span"])
        if span is None or span.digest != wanted["digest"]:
            raise InputError(
                f"span-{wanted['span']} of {data_root} was removed or changed during the run.", "Spans are never changed: run again."
            )
        chosen.append(span)
    return chosen


def set_aside(spans: Sequence[Span]) -> tuple[int, int, int]:
    """Lines of these deliveries that were rejected, those of them for a label conflict, and those that repeat another line."""
    conflicts = 0
    for span in spans:
        with (span.path / REJECTS).open(encoding="utf-8") as lines:
            conflicts += sum(str(json.loads(line).get("reason", "")).startswith(CONFLICT) for line in lines)
    return sum(int(s.manifest["rejected"]) for s in spans), conflicts, sum(int(s.manifest["duplicates"]) for s in spans)
