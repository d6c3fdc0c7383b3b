"""The spans that a run works on, as SelectInputs names them: canonical JSON of [{span, digest}]. A span with sidecars also has
`measured`, their ids: readers see these and no later ones, and a new sidecar is a new window."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from flowers_tfx.data.spans import LABEL_CONFLICT, REJECTS, Span, list_spans, missing_properties
from flowers_tfx.errors import InputError


def window_text(spans: Sequence[Span]) -> str:
    """Equal spans and sidecars give equal text, whatever their modification times."""
    entries = [_identity(span) | ({"measured": list(span.sidecars)} if span.sidecars else {}) for span in spans]
    return json.dumps(entries, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def span_identities(window: str) -> list[dict[str, Any]]:
    """[{span, digest}] of a window: what identifies its spans in the registry and in reviews."""
    return [{"digest": entry["digest"], "span": entry["span"]} for entry in json.loads(window)]


def window_spans(data_root: str, window: str) -> list[Span]:
    """The spans that a window names. Raises InputError if one is missing or has other content than the selected one."""
    by_number = {span.number: span for span in list_spans(data_root)}
    spans = []
    for entry in json.loads(window):
        span = by_number.get(entry["span"])
        measured = tuple(entry.get("measured", ()))
        if span is None or span.digest != entry["digest"] or not set(measured) <= set(span.sidecars):
            raise InputError(
                f"span-{entry['span']} of {data_root} was removed or changed during the run.", "Spans are never changed: run again."
            )
        spans.append(replace(span, sidecars=measured))
    return spans


def unmeasured_in(spans: Sequence[Span]) -> dict[str, str]:
    """Image properties that some of these spans lack, and which spans: {"blueness": "span 1, span 2"}."""
    numbers: dict[str, list[int]] = {}
    for span in spans:
        for name in missing_properties(span):
            numbers.setdefault(name, []).append(span.number)
    return {name: ", ".join(f"span {number}" for number in of_name) for name, of_name in numbers.items()}


def _identity(span: Span) -> dict[str, Any]:
    return {"span": span.number, "digest": span.digest}


def delivery_counts(spans: Sequence[Span]) -> tuple[int, int, int]:
    """Lines of the deliveries that were rejected, those of them with a label conflict, and those that repeat another line."""
    conflicts = 0
    for span in spans:
        with (span.path / REJECTS).open(encoding="utf-8") as lines:
            conflicts += sum(str(json.loads(line).get("reason", "")).startswith(LABEL_CONFLICT) for line in lines)
    return sum(int(s.manifest["rejected"]) for s in spans), conflicts, sum(int(s.manifest["duplicates"]) for s in spans)
