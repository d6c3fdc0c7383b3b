"""The page of a review: one HTML file for reviewers.

Text from outside (labels, URIs, reasons) is cleaned and clipped, so that neither its content nor its length breaks the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from flowers_tfx.reports.rendering import render
from flowers_tfx.reports.words import amount, chance, clean, effect
from flowers_tfx.review.galleries import Album, galleries
from flowers_tfx.review.property_rows import class_shares, count_drifted_properties, property_rows, trends
from flowers_tfx.review.report_words import baseline_name, headline, is_compared, reason, subject
from flowers_tfx.validation.review import Review

# Amounts shown; the page says how many more there are.
_MOST = {"findings": 100, "classes": 50, "decisions": 50, "history": 24, "comparisons": 6, "lines": 50}


@dataclass(frozen=True)
class Context:
    """Where the review comes from. `created` in ISO 8601; `rejects`: reason to lines; `reject_examples`: {uri, label, line, reason};
    `history`: earlier reviews, oldest first, as {name, verdict, scores}; `comparisons`: further ones, each with what it is compared with;
    `commands`: commands that accept or reject, shown when blocked."""

    title: str = ""
    run_id: str = ""
    created: str = ""
    model_version: str = ""
    code_version: str = ""
    rejects: Mapping[str, int] = field(default_factory=dict)
    reject_examples: Sequence[Mapping[str, Any]] = ()
    schema_differences: Sequence[str] = ()
    history: Sequence[Mapping[str, Any]] = ()
    comparisons: Sequence[tuple[str, Review]] = ()
    commands: Sequence[str] = ()


def render_html(review: Review, baseline: pd.DataFrame, new: pd.DataFrame, thumbnails: Mapping[str, bytes], context: Context) -> str:
    """One self-contained file. `thumbnails`: digest to what `thumbnail` made."""
    baseline = baseline if is_compared(review) else baseline.iloc[:0]
    album = Album(thumbnails)
    rows = property_rows(review, baseline, new)
    rejected = [decision for decision in review.decisions if decision.get("action") == "reject"]
    return render(
        "review.html.j2",
        r=review,
        c=context,
        most=_MOST,
        headline=headline(review),
        reason=reason(review),
        is_compared=is_compared(review),
        drifted=count_drifted_properties(review),
        baseline_name=baseline_name,
        subject=subject(review, context.title),
        rejected=rejected[-1] if rejected and review.decisions[-1] is rejected[-1] else None,
        findings=review.findings,
        galleries=[album.fill(gallery) for gallery in galleries(review, baseline)],
        rows=rows,
        classes=class_shares(baseline, new),
        trends=trends(review, rows, context.history[-_MOST["history"] :]) if context.history else [],
        rejects=sorted(context.rejects.items(), key=lambda item: (-item[1], item[0])),
        clean=clean,
        amount=amount,
        effect=effect,
        chance=chance,
    )
