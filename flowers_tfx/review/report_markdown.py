"""The Markdown form of a review, for a comment on a pull request or the log of a step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flowers_tfx.reports.words import clean
from flowers_tfx.review.decision_words import waiting_sentence
from flowers_tfx.review.report import Context, p_value
from flowers_tfx.review.report_decisions import decision_lines, options
from flowers_tfx.review.report_words import baseline_name, is_served, subject
from flowers_tfx.review.summary import Summary, message, summarize
from flowers_tfx.texts import Texts
from flowers_tfx.validation.review import Finding, Review

_MOST_FINDINGS = 20  # GitHub takes 65,536 characters as a comment


def render_markdown(review: Review, context: Context) -> str:
    """For a comment on a pull request: the first screen of the page in words, and the findings."""
    texts = context.texts
    summary = summarize(review, texts, sum(context.rejects.values()), 0)
    lines = [f"## {summary.label}", "", f"**{_escape(summary.sentence, 400)}**", ""]
    if summary.story:
        lines += [_escape(summary.story, 600), *([_escape(summary.without)] if summary.without else []), ""]
    lines += [f"{_sides(review, context, texts)}.", "", *(f"- {_escape(line, 400)}" for line in _first_screen(summary, texts))]
    findings = review.findings
    if findings:
        lines += ["", texts("markdown.head"), "| --- | --- | --- | --- | --- |"]
    lines += [_row(finding, texts) for finding in findings[:_MOST_FINDINGS]]
    if len(findings) > _MOST_FINDINGS:
        lines += ["", texts("markdown.more", count=len(findings) - _MOST_FINDINGS)]
    if review.decisions or context.waiting:
        taken = decision_lines(review.decisions[-10:], texts) + [waiting_sentence(one, texts) for one in context.waiting[:10]]
        lines += ["", f"{texts('decide.taken')}:", "", *(f"- {_escape(line)}" for line in taken)]
    lines += ["", f"**{texts('decide.title')}**", *_options(review, context, texts)]
    made_by = f" ({texts('summary.run', run=_escape(context.run_id, 80))})" if context.run_id else ""
    return "\n".join([*lines, "", texts("markdown.footer", digest=_escape(review.digest[:12] or "\N{EN DASH}")) + made_by, ""])


def _first_screen(summary: Summary, texts: Texts) -> Iterator[str]:
    yield f"{texts('first.harm')}: {' '.join(summary.harm)}"
    yield summary.counts
    yield from summary.checks
    yield from summary.checked
    yield summary.power or texts("power.unknown")
    if summary.promise:
        yield summary.promise


def _sides(review: Review, context: Context, texts: Texts) -> str:
    named = _escape(subject(review, context.title, texts))
    if not review.is_compared:
        return texts("summary.side", new=review.new.get("photos"), subject=named)
    baseline, old = _escape(baseline_name(review, texts)), review.compared_with.get("photos")
    return texts("summary.sides", new=review.new.get("photos"), subject=named, old=old, baseline=baseline)


def _row(finding: Finding, texts: Texts) -> str:
    level = texts(f"badge.{finding.level}") + (f", {texts('badge.accepted')}" if finding.accepted else "")
    in_points = finding.unit == "points"
    numbers = [texts.points(value) if in_points else texts.numbers.number(value) for value in (finding.effect, finding.threshold)]
    return f"| {level} | {_escape(message(finding, texts))} | {' | '.join(numbers)} | {p_value(finding, texts)} |"


def _options(review: Review, context: Context, texts: Texts) -> Iterator[str]:
    if is_served(review):
        yield from ("", texts("decide.served"))
    for option in options(review, context.spans, context.commands[:10], texts):
        yield from ("", f"- {option.title}: {option.text}", *_code_block(option.commands))


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
