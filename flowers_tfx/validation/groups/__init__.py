"""Which new photos make the difference? Groups of photos without which a review passes, in words, and the changes with one cause in one
sentence (docs/adr/0035-groups-of-photos.md)."""

from flowers_tfx.validation.groups.groups import GroupedPhotos, find_groups
from flowers_tfx.validation.groups.search import open_findings

__all__ = ["GroupedPhotos", "find_groups", "open_findings"]
