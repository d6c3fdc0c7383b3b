"""How long the service's records of answers are kept. The service itself keeps their folder within `serving.record_mb`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from flowers_tfx.config import PipelineConfig
from flowers_tfx.monitoring.folder_limit import removable_files
from flowers_tfx.retention.items import Item, age_in_days, leftover_items, size_of


def record_items(config: PipelineConfig) -> Iterator[Item]:
    """Each file that leaves, and the folder with all that stays."""
    folder, days = Path(config.serving.record_dir), config.retention.records_days
    if not config.serving.record_dir or not folder.is_dir():
        return
    old = [path for path in removable_files(folder) if age_in_days(path) >= days]
    sizes = {path: size_of(path) for path in old}
    for path in old:
        yield Item("record", path, sizes[path], False, f"older than {days} days")
    yield Item("record", folder, size_of(folder) - sum(sizes.values()), True, f"younger than {days} days")
    yield from leftover_items(folder, least_days=1)
