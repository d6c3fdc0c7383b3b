"""The review of new photos as one HTML page for reviewers, and as Markdown for a pull request.

Whatever comes from outside (labels, URIs, reasons) is cleaned and clipped, so that neither its content nor its amount spoils the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from flowers_tfx.reports.rendering import NONE, count, known, render
from flowers_tfx.reports.words import amount, chance, clean, effect
from flowers_tfx.review.report_inputs import by_severity, is_compared
from flowers_tfx.review.report_photos import Album, galleries
from flowers_tfx.review.report_properties import class_shares, drifted, property_rows, trends
from flowers_tfx.validation.review import Level, Review

# Amounts shown; the page says how many more there are.
_MOST = {"findings": 100, "classes": 50, "decisions": 50, "history": 24, "comparisons": 6, "lines": 50}
_MOST_MARKED = 20  # GitHub takes 65,536 characters as a comment


@dataclass(frozen=True)
class Context:
    """Where the review comes from. `created` in ISO 8601; `rejects`: reason to lines; `reject_examples`: {uri, label, line, reason};
    `history`: earlier reviews, oldest first, as {name, verdict, scores}; `comparisons`: further ones, each with what it is compared with;
    `how_to_go_on`: commands that accept or reject, shown when blocked."""

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
    how_to_go_on: Sequence[str] = ()


def render_html(review: Review, baseline: pd.DataFrame, new: pd.DataFrame, thumbnails: Mapping[str, bytes], context: Context) -> str:
    """One file that needs no other, whatever the size of the samples. `thumbnails`: digest to what `thumbnail` made."""
    baseline = baseline if is_compared(review) else baseline.iloc[:0]
    album = Album(thumbnails)
    rows = property_rows(review, baseline, new)
    rejected = [decision for decision in review.decisions if decision.get("action") == "reject"]
    return render(
        "review.html.j2",
        r=review,
        c=context,
        most=_MOST,
        headline=_headline(review),
        why=_why(review),
        is_compared=is_compared(review),
        drifted=drifted(review),
        against=_against,
        subject=_subject(review, context),
        rejected=rejected[-1] if rejected and review.decisions[-1] is rejected[-1] else None,
        findings=by_severity(review.findings),
        by_severity=by_severity,
        galleries=[album.filled(gallery) for gallery in galleries(review, baseline)],
        rows=rows,
        classes=class_shares(baseline, new),
        trends=trends(review, rows, context.history[-_MOST["history"] :]) if context.history else [],
        rejects=sorted(context.rejects.items(), key=lambda item: (-item[1], item[0])),
        clean=clean,
        amount=amount,
        effect=effect,
        chance=chance,
        why_of=_why,
    )


def render_markdown(review: Review, context: Context) -> str:
    """For a comment on a pull request: the verdict, the findings, what to do."""
    moved, compared = drifted(review)
    new, old = (amount(known(side.get("photos"))) for side in (review.new, review.compared_with))
    drift = f"{moved} of {compared} properties drifted" if is_compared(review) else "No property was compared"
    about = f"{_marked(_subject(review, context))} ({new} photos) against {_marked(_against(review))} ({old} photos)"
    lines = [f"## {_headline(review)}", "", _marked(_why(review), 600), "", f"{drift}: {about}."]
    findings = by_severity(review.findings)
    if findings:
        lines += ["", "| level | finding | effect | threshold | chance |", "| --- | --- | --- | --- | --- |"]
    for finding in findings[:_MOST_MARKED]:
        level = f"{finding.level}, accepted" if finding.accepted else finding.level
        numbers = (_marked(effect(value, finding.unit)) for value in (finding.effect, finding.threshold))
        lines.append(f"| {level} | {_marked(finding.message)} | {' | '.join(numbers)} | {chance(finding.p_value)} |")
    if len(findings) > _MOST_MARKED:
        lines += ["", f"{len(findings) - _MOST_MARKED} more findings stand in the report."]
    if review.decisions:
        lines += ["", "Decisions:", ""]
    for said in review.decisions[-10:]:
        lines.append(
            f"- {' '.join(_marked(said.get(name, ''), 60) for name in ('when', 'by', 'action'))}: {_marked(said.get('reason', ''))}"
        )
    if review.verdict == "blocked":
        lines += ["", "**What to do:** look at the report, then accept the findings or reject the photos.", *_fenced(context.how_to_go_on)]
    elif review.verdict == "warn":
        lines += ["", "**What to do:** nothing must be done; look at the report where a finding surprises you."]
    made_by = f", run {_marked(context.run_id, 80)}" if context.run_id else ""
    return "\n".join([*lines, "", f"Review {_marked(review.digest[:12] or NONE)}{made_by}. Same inputs, same review.", ""])


def _headline(review: Review) -> str:
    if review.verdict == "blocked":
        return "Blocked: a reviewer must decide"
    if review.verdict == "warn":
        return "Warn: worth a look, nothing stops"
    if review.of_level("warn", "error"):
        return "Pass: reviewers accepted what was found"
    if not is_compared(review):
        return "Pass: nothing found, nothing there to compare with"
    return "Pass: the new photos are like the baseline\N{RIGHT SINGLE QUOTATION MARK}s"


def _why(review: Review) -> str:
    if review.verdict == "pass":
        accepted = sum(finding.accepted for finding in review.of_level("warn", "error"))
        return f"Reviewers accepted {count(accepted, 'finding')}." if accepted else "No finding is large enough to warn or to stop."
    level: Level = "error" if review.verdict == "blocked" else "warn"
    still_open = [finding for finding in review.of_level(level) if not finding.accepted]
    # What can be seen in photos says more than that everything together is different.
    first = max(still_open, key=lambda finding: (finding.spec.visible, finding.effect or 0.0))
    more = f" So {'do' if len(still_open) > 2 else 'does'} {count(len(still_open) - 1, 'more finding')}." if len(still_open) > 1 else ""
    return f"{'Stops' if level == 'error' else 'Warns'}: {clean(first.message, 400)}{more}"


def _against(review: Review) -> str:
    said = review.compared_with
    if said.get("kind") == "serving":
        version = said.get("version")
        return f"the data of the serving model, version {version}" if version not in (None, "") else "the data of the serving model"
    return str(said.get("name") or "the span before") if said.get("kind") == "span" else "nothing to compare with"


def _subject(review: Review, context: Context) -> str:
    spans = [str(span.get("span", NONE)) if isinstance(span, Mapping) else str(span) for span in review.new.get("spans") or ()]
    if spans:
        return f"span{'s' if len(spans) > 1 else ''} {', '.join(spans)}"
    return str(context.title or review.new.get("name") or "new photos")


def _fenced(commands: Sequence[str]) -> list[str]:
    said = [clean(command, 1000) for command in commands[:10]]
    fence = "```"
    while any(fence in command for command in said):
        fence += "`"
    return ["", f"{fence}sh", *said, fence] if said else []


def _marked(text: object, most: int = 300) -> str:
    """Text that Markdown leaves as it is: no markup, no links, nobody notified."""
    said = clean(text, most).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    said = "".join(f"\\{c}" if c in "\\`*_{}[]()#!|~" else c for c in said)
    return said.replace("@", "@\N{WORD JOINER}").replace("://", ":&#47;&#47;").replace("www.", "www&#46;")
