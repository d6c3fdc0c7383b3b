"""The findings of the views of a review, and the scores of all views."""

from __future__ import annotations

from collections.abc import Iterator

from flowers_tfx import features
from flowers_tfx.finding_kinds import BY_NAME
from flowers_tfx.validation.derived_properties import BASES
from flowers_tfx.validation.effects import separation_points
from flowers_tfx.validation.feature_scores import ERROR_AT, WARN_AT
from flowers_tfx.validation.findings.builder import FindingBuilder
from flowers_tfx.validation.findings.joint_findings import SEPARATING_VIEWS, omnibus_finding, separation_finding
from flowers_tfx.validation.findings.label_findings import class_findings, consistency_finding
from flowers_tfx.validation.findings.property_findings import property_finding, tail_finding
from flowers_tfx.validation.review import Finding
from flowers_tfx.validation.subjects import CLASS_SHARES, LABEL_CONSISTENCY, OUTLYING_PHOTOS

# Features with scores that are not a property's: kind and feature of their findings.
_LEVELS_OF = {
    features.LABEL: (BY_NAME["label"].key, CLASS_SHARES),
    LABEL_CONSISTENCY: (BY_NAME["label"].key, LABEL_CONSISTENCY),
    OUTLYING_PHOTOS: (BY_NAME["tail"].key, OUTLYING_PHOTOS),
    **{feature: (BY_NAME[view].key, feature) for view, feature in SEPARATING_VIEWS.items()},
}


def drift_findings(builder: FindingBuilder) -> Iterator[Finding]:
    """The omnibus finding is reported only if there is no other."""
    findings = [*_property_findings(builder), *_other_findings(builder)]
    yield from findings
    if not findings and _is_significant(builder, "omnibus"):
        yield omnibus_finding(builder)


def drift_scores(builder: FindingBuilder) -> dict[str, dict[str, float | None]]:
    """Feature to adjusted p-values, statistics, separations, and the effects that warn and stop."""
    scores: dict[str, dict[str, float | None]] = {}
    for (view, feature), (at, p_value) in builder.significance.strongest.items():
        prefix = BY_NAME[view].key if view in BY_NAME else view
        statistic = float(builder.views[view].statistics[0, at])
        scores.setdefault(feature, {}).update({f"{prefix}_p_value": p_value, f"{prefix}_statistic": statistic})
    for view, feature in SEPARATING_VIEWS.items():
        if view in builder.views:
            separation = separation_points(builder.views[view].separation)
            scores[feature] = {"p_value": builder.significance.view_p_value(view), "separation_points": separation}
    if "label" in builder.views:
        scores[features.LABEL] = {"p_value": builder.significance.view_p_value("label")}
    for feature, values in scores.items():
        kind, subject = _LEVELS_OF.get(feature, (BY_NAME["property"].key, feature))
        values.update(zip((WARN_AT, ERROR_AT), builder.policy.limits(kind, subject), strict=True))
    return scores


def _property_findings(builder: FindingBuilder) -> Iterator[Finding]:
    """A derived property is reported only if none of its bases is, extreme values only if the distribution is not."""
    significant = {key for key, (_, p_value) in builder.significance.strongest.items() if p_value <= builder.policy.alpha}
    changed = {feature for view, feature in significant if view == "property"}
    for view, feature in builder.significance.strongest:
        if (view, feature) in significant and not changed & set(BASES.get(feature, ())):
            if view == "property":
                yield property_finding(builder, feature)
            elif view == "tail" and feature not in changed:
                yield tail_finding(builder, feature)
            elif view == "consistency":
                yield consistency_finding(builder)


def _other_findings(builder: FindingBuilder) -> Iterator[Finding]:
    for view in SEPARATING_VIEWS:
        if _is_significant(builder, view):
            yield separation_finding(builder, view)
    if "label" in builder.views:
        yield from class_findings(builder)


def _is_significant(builder: FindingBuilder, view: str) -> bool:
    return view in builder.views and builder.significance.view_p_value(view) <= builder.policy.alpha
