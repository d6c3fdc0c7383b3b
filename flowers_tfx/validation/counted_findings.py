"""Findings that need no test: the same photo again, the same photo under two labels, lines that gave no photo, classes that are new.

A share of few photos says little: what counts for the level is the lower end of its 95 % interval (Wilson 1927).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt

from flowers_tfx.validation import duplicates
from flowers_tfx.validation.photo_table import Photos
from flowers_tfx.validation.policy import Policy
from flowers_tfx.validation.review import Example, Finding

_Z95 = 1.959964
_SHOWN = 12


@dataclass(frozen=True)
class Delivery:
    """What ingest set aside of the new photos, in lines of the CSV. `conflicts`: the same bytes under two labels, a part of `rejected`."""

    rejected: int = 0
    conflicts: int = 0
    duplicates: int = 0


def counted_findings(baseline: Photos, new: Photos, delivery: Delivery, policy: Policy) -> Iterator[Finding]:
    yield from _repeated(baseline, new, policy)
    lines = delivery.rejected + delivery.duplicates + len(new)
    for name, kind, feature, count, words in (
        ("reject:lines", "reject", "rejects", delivery.rejected - delivery.conflicts, "gave no photo"),
        ("conflict:delivery", "conflict", "delivery", delivery.conflicts, "were set aside: the same photo under two labels"),
        ("duplicate:delivery", "duplicate", "delivery", delivery.duplicates, "listed a photo of the same delivery again and were left out"),
    ):
        if count > 0:
            text = f"{count} of {lines} lines of the delivery {words}."
            yield _fact(name, kind, feature, count, lines, text, (), policy)


def lower_share(count: int, total: int) -> float:
    """Lower end of Wilson's 95 % interval."""
    if not total or not count:
        return 0.0
    share = count / total
    middle = share + _Z95**2 / (2 * total)
    half = _Z95 * sqrt(share * (1 - share) / total + _Z95**2 / (4 * total**2))
    return (middle - half) / (1 + _Z95**2 / total)


def _repeated(baseline: Photos, new: Photos, policy: Policy) -> Iterator[Finding]:
    inside, across = duplicates.exact(new, baseline)
    near_inside, near_across = duplicates.near(new, baseline)
    for name, pairs, partners, words in (
        ("duplicate:exact:inside", inside, new, "are exact copies of others in the same delivery"),
        ("duplicate:exact:before", across, baseline, "are exact copies of photos in the baseline"),
        ("duplicate:near:inside", near_inside, new, "look like others in the same delivery"),
        ("duplicate:near:before", near_across, baseline, "look like photos in the baseline"),
    ):
        if pairs:
            text = f"{len(pairs)} of {len(new)} photos {words}."
            yield _fact(name, "duplicate", name.split(":", 1)[1], len(pairs), len(new), text, _pairs(new, partners, pairs), policy)
    for name, (own, other), words in (
        ("exact", duplicates.conflicts(new, baseline, inside, across), "have the same bytes as a photo with another label"),
        ("near", duplicates.conflicts(new, baseline, near_inside, near_across), "look like a photo with another label"),
    ):
        if own or other:
            count = len(own) + len(other)
            examples = (*_pairs(new, new, own), *_pairs(new, baseline, other))
            text = f"{count} of {len(new)} photos {words}: one of the two labels is wrong."
            yield _fact(f"conflict:{name}", "conflict", name, count, len(new), text, examples, policy)


def _pairs(new: Photos, partners: Photos, pairs: list[tuple[int, int]]) -> tuple[Example, ...]:
    """Side by side: each photo, then the one that it repeats."""
    return tuple(e for one, other in pairs[: _SHOWN // 2] for e in (*new.examples([one]), *partners.examples([other])))


def _fact(name: str, kind: str, feature: str, count: int, total: int, text: str, examples: tuple[Example, ...], policy: Policy) -> Finding:
    level = policy.level(kind, feature, 100 * lower_share(count, total))
    return Finding(
        name,
        level,
        kind,
        feature,
        text,
        statistic=float(count),
        effect=100 * count / total,
        unit="points",
        threshold=policy.threshold(kind, feature, level),
        examples=examples,
    )
