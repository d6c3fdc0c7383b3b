"""`flowers gc`: what is stored, what of it may leave, and its removal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flowers_tfx import registry
from flowers_tfx.config import PipelineConfig
from flowers_tfx.progress import ProgressCallback
from flowers_tfx.retention.items import Item
from flowers_tfx.retention.places import places
from flowers_tfx.retention.record_rules import record_items
from flowers_tfx.retention.removal import remove
from flowers_tfx.retention.review_rules import machine_items, review_items
from flowers_tfx.retention.run_rules import artifact_items, forget_artifacts, kept_runs, log_items
from flowers_tfx.retention.span_rules import span_items
from flowers_tfx.retention.version_rules import kept_versions, version_items
from flowers_tfx.retention.work_locks import locked
from flowers_tfx.storage import BucketPath, StoragePath


@dataclass(frozen=True)
class Collection:
    """`items`: all that was looked at; `removed`: whether those that may leave were removed."""

    items: tuple[Item, ...]
    removed: bool

    @property
    def leaving(self) -> list[Item]:
        return [item for item in self.items if not item.keep]

    @property
    def bytes_before(self) -> int:
        return sum(item.bytes for item in self.items)

    @property
    def bytes(self) -> int:
        """Of what left, or would leave."""
        return sum(item.bytes for item in self.leaving)

    def as_json(self) -> dict[str, Any]:
        return {
            "kept": [item.as_json() for item in self.items if item.keep],
            "removed" if self.removed else "would_remove": [item.as_json() for item in self.leaving],
            "bytes": self.bytes,
            "bytes_before": self.bytes_before,
            "bytes_after": self.bytes_before - self.bytes,
        }


def plan(config: PipelineConfig) -> Collection:
    """Removes nothing. Raises InputError for data, a registry or a pin that cannot be read."""
    return Collection(tuple(_items(config)), removed=False)


def collect(config: PipelineConfig, progress: ProgressCallback) -> Collection:
    """Removes what may leave. Raises InputError, too, while a run of this pipeline root, an ingest or a push is at work."""
    with locked(config) as locks:
        collection = Collection(tuple(_items(config)), removed=True)
        # What depends on others leaves first: a version's record is the reason that its spans stay.
        leaving = sorted(collection.leaving, key=lambda item: item.kind == "span")
        for number, item in enumerate(leaving, 1):
            for lock in locks:
                lock.renew_or_fail()
            if item.artifacts:
                forget_artifacts(config, item.artifacts)
            remove(item)
            progress(number, len(leaving))
    registry.remove_abandoned_copies()
    return collection


def _items(config: PipelineConfig) -> Iterator[Item]:
    roots = [place.path for place in places(config) if isinstance(place.path, Path) and place.name not in ("logs", "metadata")]
    for item in _all_items(config):
        yield replace(item, keep=True, why="it lies behind a link") if _is_behind_a_link(item.path, roots) else item


def _is_behind_a_link(path: StoragePath, roots: Sequence[Path]) -> bool:
    """Whether a folder between the root and `path` is a link: what lies there may be in use elsewhere. The root itself may be one."""
    if isinstance(path, BucketPath):
        return False
    inside = [path.parent.relative_to(root).parts for root in roots if path.is_relative_to(root) and path != root]
    folders = min(inside, key=len, default=())
    return any(path.parents[number].is_symlink() for number in range(len(folders)))


def _all_items(config: PipelineConfig) -> Iterator[Item]:
    runs, versions = kept_runs(config), kept_versions(config)
    yield from version_items(config)
    yield from artifact_items(config, runs)
    yield from review_items(config, runs, list(versions))
    yield from log_items(config, runs)
    yield from record_items(config)
    yield from machine_items(config)
    yield from span_items(config, list(versions))
