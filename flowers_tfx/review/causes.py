"""Findings by what caused them: a group of photos, or a side of the photos that several properties measure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flowers_tfx.validation.derived_properties import BASES
from flowers_tfx.validation.review import LEVELS, Example, Finding, Level, Review
from flowers_tfx.validation.subjects import OUTLYING_PHOTOS

# Kinds of findings that are causes of their own, and what others belong to.
_OF_KIND = {
    "joint": "together",
    "label": "labels",
    "content": "content",
    "conflict": "copies",
    "duplicate": "copies",
    "reject": "rejects",
    "schema": "tables",
    "performance": "model",
}
# Properties that measure the same side of a photo; a property in no family is "other".
_FAMILIES = {
    "size": ("width_px", "height_px", "aspect_ratio"),
    "compression": ("file_bytes", "bits_per_pixel", "jpeg_quality"),
    "light": ("mean_luma", "rms_contrast", "luma_entropy", "mean_red", "mean_green", "mean_blue"),
    "colour": ("saturation", "colorfulness", "grayscale", "red-green balance", "yellow-blue balance", "red-blue balance"),
    "detail": ("sharpness", "noise"),
    "layout": ("top_bottom_luma", "left_right_luma", "vertical_gradient_share"),
    "file": ("format", "exif_orientation", "capture_month"),
    "together": (OUTLYING_PHOTOS,),
}
_FAMILY_OF = {feature: family for family, members in _FAMILIES.items() for feature in members}


@dataclass(frozen=True)
class Cause:
    """`key`: the end of the key of its title, "group" for a group of photos; `findings`: the most severe first."""

    key: str
    findings: tuple[Finding, ...]
    group: Mapping[str, Any] | None = None

    @property
    def level(self) -> Level:
        """The level of its most severe finding; a group that explains none is a note."""
        return max((finding.level for finding in self.findings), key=LEVELS.index, default="note")

    @property
    def is_open(self) -> bool:
        """Whether a finding warns or stops that no reviewer accepted."""
        return any(finding.level != "note" and not finding.accepted for finding in self.findings)

    @property
    def anchor(self) -> str:
        return f"cause-{self.key}" if self.group is None else f"cause-group-{self.group['id']}"

    def examples(self, most: int) -> tuple[Example, ...]:
        """Photos of several findings first, then those of the most severe one. Pairs stay pairs. A value is that of the first finding."""
        if any(finding.spec.examples == "pairs" for finding in self.findings):
            return next((finding.examples[:most] for finding in self.findings if finding.examples), ())
        counts = Counter(example.digest for finding in self.findings for example in finding.examples)
        first: dict[str, Example] = {}
        for finding in self.findings:
            for example in finding.examples:
                shown = example if finding is self.findings[0] else replace(example, value=None)
                first.setdefault(example.digest or example.uri, shown)
        return tuple(sorted(first.values(), key=lambda example: -counts[example.digest])[:most])


def causes(review: Review) -> list[Cause]:
    """The most severe first; of equal ones groups go first. A finding belongs to one cause."""
    by_id = {finding.id: finding for finding in review.findings}
    explained: set[str] = set()
    groups = []
    for group in review.groups:
        ids = [name for name in group["findings"] if name in by_id and name not in explained]
        explained.update(ids)
        groups.append(Cause("group", tuple(finding for finding in review.findings if finding.id in ids), group))
    families: dict[str, list[Finding]] = {}
    for finding in review.findings:
        if finding.id not in explained:
            families.setdefault(_family(finding), []).append(finding)
    others = [Cause(key, tuple(findings)) for key, findings in families.items()]
    return sorted([*groups, *others], key=lambda cause: (-cause.is_open, -LEVELS.index(cause.level), cause.group is None))


def _family(finding: Finding) -> str:
    if finding.kind in _OF_KIND:
        return _OF_KIND[finding.kind]
    feature = finding.feature if finding.feature in _FAMILY_OF else next(iter(BASES.get(finding.feature, ())), "")
    return _FAMILY_OF.get(feature, "other")
