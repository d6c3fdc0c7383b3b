"""Findings on many measures at once: all properties, the content, and everything together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from flowers_tfx import features
from flowers_tfx.validation.effects import kolmogorov_smirnov, separation_points, total_variation
from flowers_tfx.validation.findings import messages
from flowers_tfx.validation.findings.builder import FindingBuilder, Rows
from flowers_tfx.validation.review import Finding
from flowers_tfx.validation.subjects import ALL_PROPERTIES, CLASS_SHARES, EVERYTHING
from flowers_tfx.validation.views.view_result import ViewResult

# View to the feature of its finding.
SEPARATING_VIEWS = {"joint": ALL_PROPERTIES, "content": features.EMBEDDING}


def separation_finding(builder: FindingBuilder, view_name: str) -> Finding:
    """On `joint` or `content`: how well it separates new photos from those of the baseline."""
    view, feature = builder.views[view_name], SEPARATING_VIEWS[view_name]
    effect = separation_points(view.separation)
    return builder.build(
        view_name,
        feature,
        messages.separation(view_name, effect),
        subject=feature.replace(" ", "-"),
        p_value=builder.significance.view_p_value(view_name),
        effect=effect,
        statistic=float(view.separation),
        rows=_newest(builder, view),
    )


def omnibus_finding(builder: FindingBuilder) -> Finding:
    """No view is significant, all of them together are. The effect is the largest that any of them shows."""
    name, effect = max(_effects(builder), key=lambda item: item[1])
    return builder.build(
        "joint",
        EVERYTHING,
        messages.omnibus(name, effect),
        subject="together",
        p_value=builder.significance.view_p_value("omnibus"),
        effect=effect,
        statistic=float(builder.views["omnibus"].statistics[0, 0]),
        rows=_newest(builder, builder.views.get("content") or builder.views.get("joint")),
    )


def _newest(builder: FindingBuilder, view: ViewResult | None) -> Rows:
    """New photos that lie farthest in the direction of the new."""
    if view is None or view.newness is None:
        return np.zeros(0, np.int64)
    return builder.first_new(np.argsort(-view.newness, kind="stable"))


def _effects(builder: FindingBuilder) -> Iterator[tuple[str, float]]:
    """A measure, and its effect in points."""
    for view_name, subject in SEPARATING_VIEWS.items():
        if view_name in builder.views:
            yield subject, separation_points(builder.views[view_name].separation)
    yield CLASS_SHARES, 100 * (total_variation(builder.baseline.labels, builder.new.labels) or 0.0)
    for feature, values in builder.baseline.numbers.items():
        old, new = (side[np.isfinite(side)] for side in (values, builder.new.numbers[feature]))
        yield feature, 100 * (kolmogorov_smirnov(old, new) or 0.0)
