"""Findings on labels: class shares, classes that are new or gone, labels that do not fit the pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from flowers_tfx.validation.effects import total_variation, word_shares
from flowers_tfx.validation.findings import messages
from flowers_tfx.validation.findings.builder import SHOWN, FindingBuilder
from flowers_tfx.validation.photo_pool import is_labelled
from flowers_tfx.validation.review import Finding
from flowers_tfx.validation.subjects import CLASS_SHARES, LABEL_CONSISTENCY


def class_findings(builder: FindingBuilder) -> Iterator[Finding]:
    """Classes on only one side are notes if the shares as a whole are not significant."""
    old, new = (word_shares(side.labels) for side in (builder.baseline, builder.new))
    classes = [column.method for column in builder.views["label"].columns[1:]]
    p_value = builder.significance.view_p_value("label")
    significant = p_value <= builder.policy.alpha
    if significant:
        effect = 100 * (total_variation(builder.baseline.labels, builder.new.labels) or 0.0)
        changed = sorted(classes, key=lambda name: -abs(new.get(name, 0.0) - old.get(name, 0.0)))[:3]
        facts = messages.class_shares({name: (100 * old.get(name, 0.0), 100 * new.get(name, 0.0)) for name in changed}, effect)
        yield builder.build("label", CLASS_SHARES, facts, subject="shares", p_value=p_value, effect=effect)
    for name in sorted({name for name in classes if (name in old) != (name in new)}):
        missing = name in old
        share = 100 * (old if missing else new)[name]
        finding = builder.build(
            "label",
            name,
            messages.missing_class(name, share) if missing else messages.new_class(name, share),
            subject=f"{'missing' if missing else 'new'}:{name}",
            p_value=p_value,
            effect=share,
            rows=np.flatnonzero(builder.pool.is_new & (builder.pool.photos.labels == name))[:SHOWN],
        )
        yield finding if significant else replace(finding, level="note")


def consistency_finding(builder: FindingBuilder) -> Finding:
    view = builder.views["consistency"]
    at, p_value = builder.significance.strongest["consistency", LABEL_CONSISTENCY]
    margins = view.values[LABEL_CONSISTENCY]
    labelled = is_labelled(builder.pool.photos.labels)
    shares = [builder.flag_shares(builder.photos_beyond(margins, column), labelled) for column in view.columns if np.isfinite(column.cut)]
    old, new = max(shares, key=lambda share: share[1] - share[0])
    return builder.build(
        "label",
        LABEL_CONSISTENCY,
        messages.inconsistent_labels(old, new),
        subject="consistency",
        p_value=p_value,
        effect=max(0.0, new - old),
        statistic=view.statistics[0, at],
        rows=builder.first_new(np.argsort(margins, kind="stable")[: labelled.sum()]),
    )
