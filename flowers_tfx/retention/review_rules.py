"""Which stored reviews, and which files of this machine that can be made again, are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

from flowers_tfx import registry
from flowers_tfx.config import PipelineConfig
from flowers_tfx.data.decisions import read_decisions
from flowers_tfx.retention.items import Item, age_in_days, leftover_items, size_of
from flowers_tfx.retention.places import places
from flowers_tfx.review.stored_reviews import COPY_PREFIX, JSON, REVIEWS, StoredReview, review_roots, stored_reviews
from flowers_tfx.storage import BucketPath, StoragePath, storage_path

_CLAIM = ".removed"  # in the folder of a review in a bucket


def review_items(config: PipelineConfig, runs: Mapping[str, str], versions: Sequence[int]) -> Iterator[Item]:
    roots = review_roots(config.pipeline_root, config.data_root)
    decided = {decision.digest for decision in read_decisions(config.data_root)}
    cards = {run_id: version for version in versions if (run_id := _reviewed_by(config.registry, version))}
    newest: set[int] = set()
    for stored in stored_reviews(*roots):  # newest first
        is_newest = not set(stored.spans) <= newest
        newest |= set(stored.spans)
        why = _why_kept(config, stored, is_newest, decided, runs, cards)
        reason = why or f"older than {config.retention.reviews_days} days, without a decision, and not the newest of a span"
        claim = stored.folder / _CLAIM if isinstance(stored.folder, BucketPath) else None
        yield Item("review", stored.folder, size_of(stored.folder), bool(why), reason, first=(JSON,), claim=claim)
    for root in roots:
        # A step on Kubeflow may be writing one now.
        yield from leftover_items(storage_path(root) / REVIEWS, least_days=1)
        yield from _claimed_reviews(storage_path(root) / REVIEWS)


def _claimed_reviews(home: StoragePath) -> Iterator[Item]:
    """Those in a bucket whose removal was killed."""
    if isinstance(home, BucketPath):
        sizes = home.file_sizes()
        for folder in sorted(home / name.partition("/")[0] for name in sizes if name.endswith(f"/{_CLAIM}")):
            yield Item("leftover", folder, size_of(folder), False, "a killed process left it unfinished", (JSON,), folder / _CLAIM)


def machine_items(config: PipelineConfig) -> Iterator[Item]:
    """Copies of pages from buckets, and converted backbones."""
    days = config.retention.cache_days
    for place in places(config):
        if place.name == "copies" and isinstance(place.path, Path) and place.path.name.startswith(COPY_PREFIX):
            keep = age_in_days(place.path) < 1
            why = "copied today for a browser" if keep else "a copy of a page in a bucket, older than a day"
            yield Item("leftover", place.path, size_of(place.path), keep, why)
        if place.name == "cache" and isinstance(place.path, Path) and place.path.is_dir():
            for path in sorted(path for path in place.path.iterdir() if not path.name.startswith(".")):
                keep = _unused_days(path) < days
                why = f"used within {days} days" if keep else f"not used for {days} days; it is made again where it is needed"
                yield Item("cache", path, size_of(path), keep, why)


def _why_kept(
    config: PipelineConfig,
    stored: StoredReview,
    is_newest: bool,
    decided: set[str],
    runs: Mapping[str, str],
    cards: Mapping[str, int],
) -> str:
    review = stored.review
    if is_newest or not stored.spans:
        return "the newest review of a span"
    if any(stored.has_digest(digest) for digest in decided):
        return "reviewers decided on its spans"
    if review.get("run_id") in cards:
        return f"the card of version {cards[review['run_id']]} names it"
    if review.get("run_id") in runs:
        return runs[review["run_id"]]
    age = datetime.now(timezone.utc) - datetime.fromisoformat(str(review["created"]).replace("Z", "+00:00"))
    return f"younger than {config.retention.reviews_days} days" if age.days < config.retention.reviews_days else ""


def _reviewed_by(registry_uri: str, version: int) -> str:
    """The run whose review the version's card names."""
    card = registry.read_card(registry.version_path(registry_uri, version)) or {}
    data = card.get("data")
    review = data.get("review") if isinstance(data, dict) else None
    return str(review.get("run_id") or "") if isinstance(review, dict) else ""


def _unused_days(path: Path) -> float:
    files = [path, *(path.rglob("*") if path.is_dir() else ())]
    return min(min(age_in_days(file), _days_since_read(file)) for file in files)


def _days_since_read(path: Path) -> float:
    status = path.lstat()
    return age_in_days(path) - (status.st_atime - status.st_mtime) / 86_400
