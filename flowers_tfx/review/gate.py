"""The gate of a run: which findings reviewers accepted, which stop the run, and the commands that let it continue."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from flowers_tfx.data.decisions import Decision
from flowers_tfx.data.span_states import Waiting, span_state
from flowers_tfx.review.decision_words import waiting_sentence
from flowers_tfx.review.decisions import accepted_findings
from flowers_tfx.review.window_comparisons import BASELINE_FINDING
from flowers_tfx.validation import Finding, Review

_MOST_WAITING = 3  # named in a message


@dataclass(frozen=True)
class Gate:
    """`spans`: those that decisions are taken on, as {span, digest}, the newest last. `window_findings`: ids of findings that concern
    the window as a whole or the serving model; they are accepted with the newest span, others with each of the spans. `waiting`: decisions
    that need another name before they count."""

    review: Review
    spans: Sequence[Mapping[str, Any]]
    window_findings: Set[str]
    waiting: Sequence[Waiting] = ()

    @property
    def numbers(self) -> list[int]:
        return [span["span"] for span in self.spans]

    @property
    def commands(self) -> list[str]:
        """Shell commands that accept what blocks or reject the photos; empty if nothing blocks."""
        if self.review.verdict != "blocked":
            return []
        newest = self.numbers[-1]
        of_all_spans = any(finding.id not in self.window_findings for finding in self.review.blocking)
        accepted = self.numbers if of_all_spans else [newest]
        return [
            *(f"flowers review accept {span} --all-findings --reason TEXT --by NAME" for span in accepted),
            *self._exclusions,
            f"flowers review reject {newest} --reason TEXT --by NAME",
        ]

    @property
    def _exclusions(self) -> list[str]:
        """Of the first group of photos that makes the difference; with several new spans the group may lie in any of them."""
        group = next((str(group["id"]) for group in self.review.groups), None)
        return (
            [f"flowers review exclude {self.numbers[0]} --group {group} --reason TEXT --by NAME"]
            if group and len(self.numbers) == 1
            else []
        )

    @property
    def message(self) -> str:
        """Which findings stop the run; empty if none does."""
        if self.review.verdict != "blocked":
            return ""
        first, *more = self.review.blocking
        others = f" (and {len(more)} more: {', '.join(finding.id for finding in more[:5])})" if more else ""
        waiting = "".join(f" {waiting_sentence(decision)}" for decision in self.waiting[:_MOST_WAITING])
        return f"The data review stopped the run: {first.id}: {first.message}{others}{waiting}"

    def outcome(self, page: str) -> str:
        """The input of the node DataGate, as JSON: {verdict, message, page, commands}. `page`: the address of the report."""
        value = {"verdict": self.review.verdict, "message": self.message, "page": page, "commands": self.commands}
        return json.dumps(value, ensure_ascii=False)


def decide_gate(
    review: Review,
    anomalies: Sequence[Finding],
    new_spans: Sequence[Mapping[str, Any]],
    window: Sequence[Mapping[str, Any]],
    decisions: Sequence[Decision],
    approvals: int = 1,
) -> Gate:
    """The gate with the decisions of reviewers in it. Without new spans decisions are taken on the newest span of the window."""
    spans = list(new_spans) or list(window[-1:])
    of_model = {finding.id for finding in review.findings if finding.id.startswith(f"{BASELINE_FINDING}:")}
    window_findings = of_model | {finding.id for finding in anomalies}
    states = [span_state([decision for decision in decisions if decision.digest == span["digest"]], approvals) for span in spans]
    accepted = accepted_findings(states) | accepted_findings(states[-1:]) & window_findings
    decided = review.with_findings(anomalies).with_decisions(sorted(accepted), [decision.as_json() for decision in decisions])
    # In spans of the window that are not new photos can be excluded, too.
    others = {str(span["digest"]) for span in window} - {str(span["digest"]) for span in spans}
    states += [span_state([decision for decision in decisions if decision.digest == digest], approvals) for digest in sorted(others)]
    return Gate(decided, spans, window_findings, [waiting for state in states for waiting in state.waiting])
