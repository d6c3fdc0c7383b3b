"""Selects the inputs of a run. Only this module reads the data root and the registry; everything else is a function of the selection."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowers_tfx import registry
from flowers_tfx.data.spans import Span, current_spans, list_spans
from flowers_tfx.data.windows import window_text
from flowers_tfx.errors import InputError
from flowers_tfx.features import SPLITS
from flowers_tfx.review.decisions import decisions_on, is_rejected, read_decisions


@dataclass(frozen=True)
class Selection:
    """Canonical JSON: equal data and models give equal strings, independent of modification times. `window`: the spans to train on;
    `baseline`: the serving model, its data, its spans and its damage, or "none"; `decisions`: the decisions of reviewers on the window's
    spans."""

    window: str
    baseline: str
    decisions: str


def select(data_root: str, registry_uri: str, span_window: int | str, labels: Sequence[str], settings_digest: str) -> Selection:
    """The spans to train on, and the serving model to compare with.

    Spans that a reviewer rejected leave every window. Raises InputError when the window cannot be trained on: no span, unknown classes,
    a single class, an empty split.
    """
    delivered = list_spans(data_root)
    if not delivered:
        raise InputError(
            f"The data root {data_root} holds no span.", "Take photos in first: flowers ingest --csv FILE --labels FILE --data-root DIR."
        )
    decisions = read_decisions(data_root)
    spans = [span for span in current_spans(delivered) if not is_rejected(decisions, span)]
    if not spans:
        raise InputError(
            f"Reviewers rejected all spans of {data_root}.", "Take in other photos, or accept a span with `flowers review accept`."
        )
    window = spans if span_window == "all" else spans[-int(span_window) :]
    _check_trainable(window, labels)
    text = window_text(window)
    serving = registry.serving_with_other_fingerprint(registry_uri, fingerprint(text, settings_digest))
    baseline = registry.NO_BASELINE if serving is None else _baseline(registry_uri, serving)
    return Selection(text, baseline, _canonical([decision.as_json() for span in window for decision in decisions_on(decisions, span)]))


def _baseline(registry_uri: str, entry: registry.Entry) -> str:
    data = registry.baseline_digest(registry_uri, entry.version)
    baseline = {"version": entry.version, "digest": entry.digest, "data": data, "spans": list(entry.spans)}
    damage = registry.damage(registry_uri, entry)
    return _canonical({**baseline, "damage": damage} if damage else baseline)


def fingerprint(window: str, settings_digest: str) -> str:
    """Identifies what a model is made of: sha256 of the digests of the window's spans, the code and the settings that matter. The spans'
    numbers do not matter, nor do properties that were measured later."""
    digests = sorted(span["digest"] for span in json.loads(window))
    return hashlib.sha256(_canonical([digests, settings_digest]).encode()).hexdigest()


def settings_digest(settings: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(settings).encode()).hexdigest()


def _check_trainable(window: Sequence[Span], labels: Sequence[str]) -> None:
    splits: Counter[str] = Counter()
    classes: Counter[str] = Counter()
    for span in window:
        splits.update(span.manifest["splits"])
        classes.update(span.manifest["label_counts"])
    span_names = ", ".join(f"span-{span.number}" for span in window)
    present = sorted(label for label, count in classes.items() if count)
    unknown = [label for label in present if label not in labels]
    if unknown:
        raise InputError(
            f"The spans hold the class {unknown[0]!r}, which the pipeline does not know ({', '.join(labels)}).",
            "Name all classes with the configuration key `labels`.",
        )
    if len(present) < 2:
        raise InputError(
            f"The photos of {span_names} are all of one class ({', '.join(present) or 'none'}): there is nothing to distinguish.",
            "Take in photos of at least two classes.",
        )
    empty = [split for split in SPLITS if not splits[split]]
    if empty:
        sizes = ", ".join(f"{split} {splits[split]}" for split in SPLITS)
        raise InputError(
            f"No photo of {span_names} falls into the split {empty[0]} ({sizes}).", "Take in more photos: each split needs some."
        )


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
