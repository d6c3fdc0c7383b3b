"""The photos of findings on copies: these findings say themselves which photos they are on."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from flowers_tfx.validation.findings import duplicates
from flowers_tfx.validation.tables.photo_table import Photos

_KINDS = (("exact", "copies", duplicates.find_exact_copies), ("near", "near copies", duplicates.find_near_copies))


def copied_photos(new: Photos, earlier: Photos, findings: Collection[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """What they are, in words, and the digests of the photos of each of these findings (ids) that is on copies."""
    for how, title, find in _KINDS:
        sides = ("inside", "before")
        ids = {f"duplicate:{how}:{side}" for side in sides} | {f"conflict:{how}"}
        if not ids & set(findings):
            continue
        inside, across = find(new, earlier)
        for side, pairs, partner in zip(sides, (inside, across), ("other new photos", "earlier photos"), strict=True):
            if f"duplicate:{how}:{side}" in findings:
                yield f"{title} of {partner}", _digests(new, pairs)
        own, other = duplicates.find_label_conflicts(new, earlier, inside, across)
        if f"conflict:{how}" in findings:
            yield f"{title} of photos with another label", _digests(new, [*own, *other])


def _digests(photos: Photos, pairs: list[duplicates.Pair]) -> frozenset[str]:
    return frozenset(str(photos.digests[row]) for row, _ in pairs if photos.digests[row])
