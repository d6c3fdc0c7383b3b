"""Which spans of the data root are kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from flowers_tfx import registry
from flowers_tfx.config import PipelineConfig
from flowers_tfx.data import sidecars
from flowers_tfx.data.decisions import decisions_on, read_decisions
from flowers_tfx.data.span_writers import claim_path, claimed_numbers
from flowers_tfx.data.spans import MANIFEST, Span, current_spans, list_spans
from flowers_tfx.retention.items import Item, leftover_items, size_of
from flowers_tfx.review.decisions import is_rejected
from flowers_tfx.storage import BucketPath, StoragePath, storage_path


def span_items(config: PipelineConfig, kept_versions: Sequence[int]) -> Iterator[Item]:
    """Raises InputError for a span that cannot be read: nothing is removed beside data that are damaged."""
    spans = list_spans(config.data_root)
    damaged = [version for version in kept_versions if registry.entry(config.registry, version).damage]
    unknown = f"the record of version {damaged[0]}, which may need it, cannot be read" if damaged else ""
    needed = _spans_of_versions(config, kept_versions)
    outside = _outside_the_window(config, spans)
    for span in spans:
        why = unknown or _why_kept(config, span, spans, needed, outside)
        reason = why or f"{outside[span.number].why}, and no kept version was trained on it"
        claim = claim_path(span.path) if isinstance(span.path, BucketPath) else None
        yield Item("span", span.path, size_of(span.path), bool(why), reason, first=(MANIFEST,), claim=claim)
    yield from _sidecars_without_span(storage_path(config.data_root), {span.path.name: span.digest for span in spans})
    yield from _leftovers(storage_path(config.data_root))


def _leftovers(data_root: StoragePath) -> Iterator[Item]:
    yield from leftover_items(data_root)
    for number in claimed_numbers(data_root) if isinstance(data_root, BucketPath) else ():
        folder = data_root / f"span-{number}"
        if (size := size_of(folder)) and not (folder / MANIFEST).is_file():
            yield Item("leftover", folder, size, False, "a killed process left it unfinished")


def _why_kept(config: PipelineConfig, span: Span, spans: Sequence[Span], needed: dict[str, int], outside: dict[int, _Outside]) -> str:
    days = config.retention.spans_days
    if span.number not in outside:
        return "it is in the window of the next run"
    if trained := [needed[digest] for digest in span.digests if digest in needed]:
        return f"version {trained[0]} was trained on it"
    if span.number == max(one.number for one in spans):
        return "it is the newest span: its number must not be given again"
    if span.manifest.get("replaces") in {one.number for one in spans}:
        return "the span that it replaces is still there, and would be in use again"
    if days is None:
        return "retention.spans_days is not set"
    age = datetime.now(timezone.utc) - outside[span.number].since
    return "" if age.days >= days else f"it left the window less than {days} days ago"


@dataclass(frozen=True)
class _Outside:
    """Why the next run would not have a span, and since when: a run that began before may be reading it."""

    why: str
    since: datetime


def _outside_the_window(config: PipelineConfig, spans: Sequence[Span]) -> dict[int, _Outside]:
    """By the number of the span."""
    decisions, current = read_decisions(config.data_root), current_spans(spans)
    replacing = {one.manifest["replaces"]: one for one in spans if "replaces" in one.manifest}
    outside = {
        span.number: _Outside("a later span replaces it", _time(replacing[span.number].manifest["created"]))
        for span in spans
        if span not in current
    }
    rejected = [span for span in spans if is_rejected(decisions, span, config.review.approvals)]
    outside |= {span.number: _Outside("reviewers rejected it", _time(decisions_on(decisions, span)[-1].when)) for span in rejected}
    window = [span for span in current if span.number not in outside]
    if config.span_window != "all":
        size = int(config.span_window)
        later = zip(window, window[size:], strict=False)  # the second of a pair took the place of the first
        outside |= {span.number: _Outside("it is older than the window", _time(other.manifest["created"])) for span, other in later}
    return outside


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)


def _spans_of_versions(config: PipelineConfig, versions: Sequence[int]) -> dict[str, int]:
    """The version that was trained on the span with this digest."""
    entries = [registry.entry(config.registry, version) for version in versions]
    return {str(span["digest"]): entry.version for entry in entries for span in entry.spans}


def _sidecars_without_span(data_root: StoragePath, digests: dict[str, str]) -> Iterator[Item]:
    """Properties that were measured for spans, or for contents of spans, that are gone."""
    home = data_root / sidecars.FOLDER
    if not home.is_dir():
        return
    for folder in home.iterdir():
        for file in folder.iterdir() if folder.is_dir() else ():
            if not file.name.startswith(".") and file.name.partition("-")[0] != digests.get(folder.name):
                yield Item("leftover", file, size_of(file), False, "it was measured for a span that is gone")
