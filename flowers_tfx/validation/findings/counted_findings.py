"""Findings that need no test: the same photo again, the same photo under two labels, lines without a usable photo.

A share of few photos is uncertain: the level goes by the lower end of its 95 % interval (Wilson 1927).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flowers_tfx.finding_kinds import BY_NAME
from flowers_tfx.texts.finding_messages import MESSAGES
from flowers_tfx.validation.findings import duplicates
from flowers_tfx.validation.policy import Policy
from flowers_tfx.validation.review import Example, Finding
from flowers_tfx.validation.tables.photo_table import Photos
from flowers_tfx.wilson import wilson_interval

_SHOWN = 12


@dataclass(frozen=True)
class Delivery:
    """Lines of the CSV that ingest did not turn into photos. `conflicts`: the same bytes under two labels, a part of `rejected`."""

    rejected: int = 0
    conflicts: int = 0
    duplicates: int = 0


def counted_findings(earlier: Photos, new: Photos, delivery: Delivery, policy: Policy) -> Iterator[Finding]:
    """`earlier`: the photos that new ones may repeat."""
    yield from _copies(earlier, new, policy)
    lines = delivery.rejected + delivery.duplicates + len(new)
    rejected = delivery.rejected - delivery.conflicts
    for kind, subject, feature, count, text in (
        ("reject", "lines", "rejects", rejected, "rejected_lines"),
        ("conflict", "delivery", "delivery", delivery.conflicts, "conflicting_lines"),
        ("duplicate", "delivery", "delivery", delivery.duplicates, "repeated_lines"),
    ):
        if count > 0:
            facts = {"text": text, "count": count, "lines": lines}
            yield _finding(kind, subject, feature, facts, count, lines, policy)


def lower_share(count: int, total: int) -> float:
    """Lower end of Wilson's 95 % interval."""
    interval = wilson_interval(count / total, total) if count and total else None
    return interval[0] if interval else 0.0


def _copies(earlier: Photos, new: Photos, policy: Policy) -> Iterator[Finding]:
    for how, find in (("exact", duplicates.find_exact_copies), ("near", duplicates.find_near_copies)):
        inside, across = find(new, earlier)
        for where, partners, pairs in (("inside", new, inside), ("before", earlier, across)):
            if pairs:
                subject, facts = f"{how}:{where}", {"text": f"{how}_copies_{where}", "count": len(pairs), "photos": len(new)}
                yield _finding("duplicate", subject, subject, facts, len(pairs), len(new), policy, _examples(new, partners, pairs))
        own, other = duplicates.find_label_conflicts(new, earlier, inside, across)
        count = len(own) + len(other)
        if count:
            facts = {"text": f"{how}_conflicts", "count": count, "photos": len(new)}
            examples = (*_examples(new, new, own), *_examples(new, earlier, other))
            yield _finding("conflict", how, how, facts, count, len(new), policy, examples)


def _examples(new: Photos, partners: Photos, pairs: list[duplicates.Pair]) -> tuple[Example, ...]:
    """Each photo, then the one that it repeats."""
    return tuple(e for one, other in pairs[: _SHOWN // 2] for e in (*new.examples([one]), *partners.examples([other])))


def _finding(
    kind: str,
    subject: str,
    feature: str,
    facts: Mapping[str, Any],
    count: int,
    total: int,
    policy: Policy,
    examples: tuple[Example, ...] = (),
) -> Finding:
    key = BY_NAME[kind].key
    level = policy.level(key, feature, 100 * lower_share(count, total))
    return Finding(
        f"{key}:{subject}",
        level,
        key,
        feature,
        MESSAGES.message(facts),
        statistic=float(count),
        effect=100 * count / total,
        unit="points",
        threshold=policy.threshold(key, feature, level),
        examples=examples,
        facts=facts,
    )
