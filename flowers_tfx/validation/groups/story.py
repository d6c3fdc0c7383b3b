"""Changes that have one cause, in one sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from flowers_tfx import features
from flowers_tfx.finding_kinds import BY_NAME
from flowers_tfx.validation.groups.families import BY_FEATURE, CAUSES, SEVERAL_CAUSES
from flowers_tfx.validation.groups.group import PhotoGroup
from flowers_tfx.validation.groups.rules import PhotoValues
from flowers_tfx.validation.groups.words import find_traits
from flowers_tfx.validation.review import Finding

_MOST_ADJECTIVES = 4
_VISIBLE = 0.1  # rank-biserial correlation from which the direction of a change is named


def tell_story(
    groups: Sequence[PhotoGroup], photos: int, findings: Sequence[Finding], baseline: PhotoValues, left: PhotoValues
) -> str | None:
    """`photos`: the number of new photos; `findings`: those that warn or stop and that the groups do not explain; `left`: the photos in
    none of the groups. None if there is nothing to tell."""
    clauses = [_group_clause(group, photos, first=not number) for number, group in enumerate(groups)]
    rest = _rest_clause(findings, baseline, left, bool(groups))
    sentence = "; ".join([*clauses, *([rest] if rest else [])])
    return f"{sentence}." if sentence else None


def _group_clause(group: PhotoGroup, photos: int, first: bool) -> str:
    count = len(group.photos)
    subject = f"{count} of {photos} new photos" if first else str(count)
    verb = "is" if count == 1 else "are"
    if not group.adjectives:
        part = group.parts[0]
        has = part.removeprefix("with ")
        described = f"{'has' if count == 1 else 'have'} {has}" if has != part else f"{verb} {part}"
        return f"{subject} {described}{_cause(group.causes)}"
    return f"{subject} {verb} {_enumeration(group.adjectives)}{_cause(group.causes)}"


def _rest_clause(findings: Sequence[Finding], baseline: PhotoValues, left: PhotoValues, grouped: bool) -> str | None:
    features_of = {finding.feature for finding in findings if finding.spec.one_property}
    families = {BY_FEATURE[name].family for name in features_of if name in BY_FEATURE}
    traits = [trait for trait in find_traits(baseline, left, _VISIBLE) if trait.change.family in families]
    adjectives, causes = [trait.adjective for trait in traits], [trait.change.cause for trait in traits]
    if any(finding.feature == features.EMBEDDING for finding in findings):
        causes.append("content") if not traits else None
    if any(finding.kind == BY_NAME["label"].key for finding in findings) and not traits:
        causes.append("label")
    subject = "the other photos" if grouped else "The new photos as a whole"
    if adjectives:
        return f"{subject} are {_enumeration(adjectives)}{_cause(causes)}"
    return f"{subject} differ{_cause(causes)}" if causes else None


def _cause(causes: Sequence[str]) -> str:
    counts = Counter(causes)
    if counts["export"] > 1:
        del counts["lens"]  # pictures of another size and compression are never as sharp and as noisy as before
    if not counts:
        return ""
    first, number = counts.most_common(1)[0]
    return f": {CAUSES[first] if number > sum(counts.values()) / 2 else SEVERAL_CAUSES}"


def _enumeration(words: Sequence[str]) -> str:
    shown = list(words[:_MOST_ADJECTIVES])
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
