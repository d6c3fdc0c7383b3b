"""Selects the inputs of a run. Only this module reads the data root and the registry; everything else is a function of the selection."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowers_tfx import registry
from flowers_tfx.data.decisions import compact, decisions_on, read_decisions
from flowers_tfx.data.edited_spans import edited_span
from flowers_tfx.data.forgotten import forgotten_digests
from flowers_tfx.data.spans import Span, current_spans, list_spans
from flowers_tfx.data.windows import content_name, window_text
from flowers_tfx.errors import InputError
from flowers_tfx.features import SPLITS
from flowers_tfx.review.decisions import is_rejected
from flowers_tfx.warm_start import check_start


@dataclass(frozen=True)
class Selection:
    """Canonical JSON: equal data and models give equal strings, independent of modification times. `window`: the spans to train on;
    `baseline`: the serving model, its data, its spans and its damage, or "none"; `decisions`: the decisions of reviewers on the window's
    spans, with the number of photos that each is about instead of their digests."""

    window: str
    baseline: str
    decisions: str


def select(
    data_root: str,
    registry_uri: str,
    span_window: int | str,
    labels: Sequence[str],
    settings_digest: str,
    warm_start: Mapping[str, Any] | None = None,
    approvals: int = 1,
) -> Selection:
    """The spans to train on, and the serving model to compare with. `warm_start` is the shape of a network that starts from its weights;
    `approvals`: how many names a decision of reviewers needs to count.

    Spans and photos that reviewers rejected leave every window. Raises InputError when the window cannot be trained on: no span, unknown
    classes, a single class, an empty split; and when the serving model is another network than one that starts from it.
    """
    forgotten_digests(data_root)
    delivered = list_spans(data_root)
    if not delivered:
        raise InputError(
            f"The data root {data_root} holds no span.", "Take photos in first: flowers ingest --csv FILE --labels FILE --data-root DIR."
        )
    decisions = read_decisions(data_root)
    kept = [span for span in current_spans(delivered) if not is_rejected(decisions, span, approvals)]
    # Of a span whose only photos were forgotten or excluded nothing is left.
    spans = [span for span in (edited_span(decisions, span, approvals) for span in kept) if span.examples]
    if not spans:
        raise InputError(
            f"Reviewers rejected all spans of {data_root}, or excluded all photos, or the photos were forgotten.",
            "Take in other photos, accept a span with `flowers review accept`, or take photos back in with `flowers review include`.",
        )
    window = spans if span_window == "all" else spans[-int(span_window) :]
    _check_trainable(window, labels)
    text = window_text(window, decisions, approvals)
    serving = registry.serving_with_other_fingerprint(registry_uri, fingerprint(text, settings_digest))
    baseline = registry.NO_BASELINE if serving is None else _baseline(registry_uri, serving, delivered)
    if warm_start and serving and "damage" not in json.loads(baseline):  # damage is for the data review to report
        check_start(registry_uri, serving.version, warm_start, labels)
    return Selection(text, baseline, _canonical([compact(decision) for span in window for decision in decisions_on(decisions, span)]))


def _baseline(registry_uri: str, entry: registry.Entry, delivered: Sequence[Span]) -> str:
    # A span that a photo was taken out of is still the one that the model was trained on.
    now = {earlier: span.digest for span in delivered for earlier in span.digests}
    spans = [{**span, "digest": now.get(span["digest"], span["digest"])} for span in entry.spans]
    data = registry.baseline_digest(registry_uri, entry.version)
    baseline = {"version": entry.version, "digest": entry.digest, "data": data, "spans": spans}
    damage = registry.damage(registry_uri, entry)
    return _canonical({**baseline, "damage": damage} if damage else baseline)


def fingerprint(window: str, settings_digest: str) -> str:
    """Identifies what a model is made of: sha256 of the digests of the window's spans and of what reviewers changed in them, the code
    and the settings that matter. The spans' numbers do not matter, nor do properties that were measured later."""
    digests = sorted(map(content_name, json.loads(window)))
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
    excluded = any(span.edits.excluded for span in window)
    include = " Or take excluded photos back in: flowers review include." if excluded else ""
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
            f"Take in photos of at least two classes.{include}",
        )
    empty = [split for split in SPLITS if not splits[split]]
    if empty:
        sizes = ", ".join(f"{split} {splits[split]}" for split in SPLITS)
        raise InputError(
            f"No photo of {span_names} falls into the split {empty[0]} ({sizes}).", f"Take in more photos: each split needs some.{include}"
        )


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
