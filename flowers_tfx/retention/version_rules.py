"""Which versions of the registry are kept."""

from __future__ import annotations

from collections.abc import Iterator

from flowers_tfx import registry
from flowers_tfx.config import PipelineConfig
from flowers_tfx.registry.bucket_versions import claim_path, claimed_versions
from flowers_tfx.registry.versions import MODEL_FILE
from flowers_tfx.retention.items import Item, leftover_items, size_of
from flowers_tfx.storage import BucketPath, storage_path

_FIRST = (registry.ENTRY_FILE, MODEL_FILE)  # this order: TensorFlow Serving goes by the second, and then sees nothing of a part


def version_items(config: PipelineConfig) -> Iterator[Item]:
    """Raises InputError for a registry or a pin that cannot be read."""
    reasons = kept_versions(config)
    for version in registry.versions(config.registry):
        path = registry.version_path(config.registry, version)
        why = reasons.get(version, f"older than the newest {config.retention.versions} versions, and nothing needs it")
        claim = claim_path(path.parent, version) if isinstance(path, BucketPath) and isinstance(path.parent, BucketPath) else None
        yield Item("version", path, size_of(path), version in reasons, why, first=_FIRST, claim=claim)
    yield from _leftovers(config.registry)


def kept_versions(config: PipelineConfig) -> dict[int, str]:
    """The versions that stay, and why."""
    numbers = registry.versions(config.registry)
    if not numbers:
        return {}
    serving = registry.serving_version(config.registry)
    reasons = {serving: "it serves"}
    if (pin := registry.read_pin(config.registry)) is not None:
        reasons[pin.version] = "it is pinned, and serves"
    for number, role in ((config.serving.canary.version, "the canary"), (config.serving.shadow, "the shadow")):
        if number in numbers:
            reasons.setdefault(number, f"it is {role} of the serving version")
    if before := [number for number in numbers if number < serving]:
        reasons.setdefault(before[-1], "a rollback would make it serve")
    compared = registry.serving_with_other_fingerprint(config.registry, registry.entry(config.registry, serving).fingerprint)
    if compared is not None:
        reasons.setdefault(compared.version, "candidates equal to the serving version are compared with it")
    for number in numbers[-config.retention.versions :]:
        reasons.setdefault(number, f"one of the newest {config.retention.versions} versions")
    for number in numbers:
        known = registry.entry(config.registry, number)
        if not known.created and not known.damage:
            reasons.setdefault(number, "another program wrote it")
    return reasons


def _leftovers(registry_uri: str) -> Iterator[Item]:
    root = storage_path(registry_uri)
    yield from leftover_items(root)
    if not isinstance(root, BucketPath):
        return
    for version in claimed_versions(root):
        folder = root / str(version)
        if (size := size_of(folder)) and not (folder / registry.ENTRY_FILE).is_file():
            yield Item(
                "leftover", folder, size, False, "a killed process left it unfinished", first=_FIRST, claim=claim_path(root, version)
            )
