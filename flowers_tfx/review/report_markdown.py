"""The Markdown form of a review, for a comment on a pull request or the log of a step."""

from __future__ import annotations

from collections.abc import Sequence

from flowers_tfx.reports.rendering import NONE, finite_or_none
from flowers_tfx.reports.words import amount, chance, clean, effect
from flowers_tfx.review.property_rows import count_drifted_properties
from flowers_tfx.review.report import Context
from flowers_tfx.review.report_words import baseline_name, headline, is_compared, reason, subject
from flowers_tfx.validation.review import Review

_MOST_FINDINGS = 20  # GitHub takes 65,536 characters as a comment


def render_markdown(review: Review, context: Context) -> str:
    """For a comment on a pull request: the verdict, the findings, what to do."""
    moved, compared = count_drifted_properties(review)
    new, old = (amount(finite_or_none(side.get("photos"))) for side in (review.new, review.compared_with))
    drift = f"{moved} of {compared} properties drifted" if is_compared(review) else "No property was compared"
    sides = f"{_escape(subject(review, context.title))} ({new} photos) against {_escape(baseline_name(review))} ({old} photos)"
    lines = [f"## {headline(review)}", "", _escape(reason(review), 600), "", f"{drift}: {sides}."]
    findings = review.findings
    if findings:
        lines += ["", "| level | finding | effect | threshold | chance |", "| --- | --- | --- | --- | --- |"]
    for finding in findings[:_MOST_FINDINGS]:
        level = f"{finding.level}, accepted" if finding.accepted else finding.level
        numbers = (_escape(effect(value, finding.unit)) for value in (finding.effect, finding.threshold))
        lines.append(f"| {level} | {_escape(finding.message)} | {' | '.join(numbers)} | {chance(finding.p_value)} |")
    if len(findings) > _MOST_FINDINGS:
        lines += ["", f"{len(findings) - _MOST_FINDINGS} more findings are in the report."]
    if review.decisions:
        lines += ["", "Decisions:", ""]
    for decision in review.decisions[-10:]:
        words = " ".join(_escape(decision.get(name, ""), 60) for name in ("when", "by", "action"))
        lines.append(f"- {words}: {_escape(decision.get('reason', ''))}")
    if review.verdict == "blocked":
        lines += [
            "",
            "**What to do:** read the report, then accept the findings or reject the photos.",
            *_code_block(context.commands),
        ]
    elif review.verdict == "warn":
        lines += ["", "**What to do:** nothing is blocked; look at the report where a finding is unexpected."]
    made_by = f", run {_escape(context.run_id, 80)}" if context.run_id else ""
    return "\n".join([*lines, "", f"Review {_escape(review.digest[:12] or NONE)}{made_by}. The same inputs give the same review.", ""])


def _code_block(commands: Sequence[str]) -> list[str]:
    lines = [clean(command, 1000) for command in commands[:10]]
    fence = "```"
    while any(fence in line for line in lines):
        fence += "`"
    return ["", f"{fence}sh", *lines, fence] if lines else []


def _escape(text: object, most: int = 300) -> str:
    """Escaped text: no markup, no links, no mentions."""
    plain = clean(text, most).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    plain = "".join(f"\\{c}" if c in "\\`*_{}[]()#!|~" else c for c in plain)
    return plain.replace("@", "@\N{WORD JOINER}").replace("://", ":&#47;&#47;").replace("www.", "www&#46;")
