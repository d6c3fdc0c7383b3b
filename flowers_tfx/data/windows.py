"""The spans that a run works on, as SelectInputs names them: canonical JSON of [{span, digest}]. A span with sidecars also has
`measured`, their ids: readers see these and no later ones, and a new sidecar is a new window. A span that reviewers edited has `edits`,
which name the decisions that readers apply, and their digest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flowers_tfx.data.decisions import Decision, read_decisions
from flowers_tfx.data.edited_spans import edits_identity, with_recorded_edits
from flowers_tfx.data.forgotten import REASON
from flowers_tfx.data.spans import LABEL_CONFLICT, REJECTS, Span, list_spans, missing_properties
from flowers_tfx.errors import InputError


def window_text(spans: Sequence[Span], decisions: Sequence[Decision] = (), approvals: int = 1) -> str:
    """Equal spans, sidecars and edits give equal text, whatever their modification times. `decisions`: those that edited the spans."""
    entries = []
    for span in spans:
        measured = {"measured": list(span.sidecars)} if span.sidecars else {}
        edits = {"edits": edits_identity(decisions, span, approvals)} if span.edits else {}
        entries.append({"span": span.number, "digest": span.digest, **measured, **edits})
    return json.dumps(entries, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def span_identities(window: str) -> list[dict[str, Any]]:
    """[{span, digest}] of a window, with `edits` where it has them: what identifies its spans in the registry and in reviews."""
    names = ("digest", "span", "edits")
    return [{name: entry[name] for name in names if name in entry} for entry in json.loads(window)]


def content_name(identity: Mapping[str, Any]) -> str:
    """Of one of `span_identities`: equal where the photos and their labels are."""
    return " ".join((identity["digest"], *([identity["edits"]["digest"]] if "edits" in identity else ())))


def window_spans(data_root: str, window: str) -> list[Span]:
    """The spans that a window names. Raises InputError if one is missing or has other content than the selected one."""
    by_number = {span.number: span for span in list_spans(data_root)}
    decisions = read_decisions(data_root) if '"edits"' in window else []
    spans = []
    for entry in json.loads(window):
        span = by_number.get(entry["span"])
        measured = tuple(entry.get("measured", ()))
        if span is None or span.digest != entry["digest"] or not set(measured) <= set(span.sidecars):
            raise InputError(
                f"span-{entry['span']} of {data_root} was removed or changed during the run.", "Spans are never changed: run again."
            )
        edited = with_recorded_edits(decisions, replace(span, sidecars=measured), entry.get("edits"))
        if "edits" in entry and edited.edits.digest != entry["edits"]["digest"]:
            raise InputError(f"Decisions on span-{span.number} of {data_root} were changed during the run.", "Run again.")
        spans.append(edited)
    return spans


def unmeasured_in(spans: Sequence[Span]) -> dict[str, str]:
    """Image properties that some of these spans lack, and which spans: {"blueness": "span 1, span 2"}."""
    numbers: dict[str, list[int]] = {}
    for span in spans:
        for name in missing_properties(span):
            numbers.setdefault(name, []).append(span.number)
    return {name: ", ".join(f"span {number}" for number in of_name) for name, of_name in numbers.items()}


def delivery_counts(spans: Sequence[Span]) -> tuple[int, int, int]:
    """Lines of the deliveries that were rejected, those of them with a label conflict, and those that repeat another line. That a
    forgotten photo is listed again is no fault of a delivery."""
    conflicts = refused = 0
    for span in spans:
        with (span.path / REJECTS).open(encoding="utf-8") as lines:
            reasons = [str(json.loads(line).get("reason", "")) for line in lines]
        conflicts += sum(reason.startswith(LABEL_CONFLICT) for reason in reasons)
        refused += reasons.count(REASON)
    rejected = sum(int(span.manifest["rejected"]) for span in spans) - refused
    return rejected, conflicts, sum(int(span.manifest["duplicates"]) for span in spans)
