"""The gate of a run: which findings reviewers accepted, which stop the run, and the commands that let it go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from flowers_tfx.errors import Blocked
from flowers_tfx.review.decisions import accepted_findings
from flowers_tfx.review.window_comparisons import BASELINE_FINDING
from flowers_tfx.validation import Finding, Review


@dataclass(frozen=True)
class Gate:
    """`spans`: those that decisions are taken on, as {span, digest}, the newest last. `window_findings`: ids of findings that concern
    the window as a whole or the serving model; they are accepted with the newest span, others with each of the spans."""

    review: Review
    spans: Sequence[Mapping[str, Any]]
    window_findings: Set[str]

    @property
    def numbers(self) -> list[int]:
        return [span["span"] for span in self.spans]

    @property
    def commands(self) -> list[str]:
        """Shell commands that accept what blocks or reject the photos; none where nothing blocks."""
        if self.review.verdict != "blocked":
            return []
        commands = []
        for span in self.numbers:
            ids = [f.id for f in self.review.blocking if span == self.numbers[-1] or f.id not in self.window_findings]
            if ids:
                commands.append(f"flowers review accept {span} {' '.join(f'--finding {name}' for name in ids)} --reason TEXT --by NAME")
        return [*commands, f"flowers review reject {self.numbers[-1]} --reason TEXT --by NAME"]

    def check(self, report: str, where: str) -> None:
        """Raises Blocked where findings stop the run. `where`: the place that people read them at, in words."""
        if self.review.verdict != "blocked":
            return
        first, *more = self.review.blocking
        others = f" (and {len(more)} more: {', '.join(finding.id for finding in more[:5])})" if more else ""
        raise Blocked(
            f"The data review stopped the run: {first.id}: {first.message}{others}",
            f"Read {where}. Then either {' or '.join(self.commands)}, and run again.",
            report,
        )


def decide_gate(
    review: Review,
    anomalies: Sequence[Finding],
    new_spans: Sequence[Mapping[str, Any]],
    window: Sequence[Mapping[str, Any]],
    decisions: Sequence[Mapping[str, Any]],
) -> Gate:
    """The gate with the decisions of reviewers in it. Without new spans decisions are taken on the newest span of the window."""
    spans = list(new_spans) or list(window[-1:])
    of_model = {finding.id for finding in review.findings if finding.id.startswith(f"{BASELINE_FINDING}:")}
    window_findings = of_model | {finding.id for finding in anomalies}
    digests = [span["digest"] for span in spans]
    accepted = accepted_findings(decisions, digests) | accepted_findings(decisions, digests[-1:]) & window_findings
    return Gate(review.with_findings(anomalies).with_decisions(sorted(accepted), decisions), spans, window_findings)
