"""The gate: what stops a run, what reviewers must type, and what their decisions let pass."""

from __future__ import annotations

import json
from typing import Any

from flowers_tfx.errors import Blocked
from flowers_tfx.review.gate import Gate, decide_gate
from flowers_tfx.validation import Finding, Review

SPANS = [{"span": 2, "digest": "b"}, {"span": 3, "digest": "c"}]
LUMA = Finding("property:mean_luma", "error", "property", "mean_luma", "The photos are darker.")
ANOMALY = Finding("schema:anomaly:label", "error", "schema", "label", "ExampleValidator found an unknown class.")
MODEL = Finding("schema:baseline:7", "error", "schema", "baseline", "The sample is gone.")


def accept(digest: str, *findings: str) -> dict[str, Any]:
    return {"action": "accept", "span": 0, "digest": digest, "findings": list(findings), "reason": "r", "by": "Ada", "when": "now"}


def gate(*decisions: dict[str, Any], new: list[dict[str, Any]] = SPANS) -> Gate:
    review = Review((LUMA, MODEL), {}, {"kind": "serving"}, {"spans": [span["span"] for span in new]})
    return decide_gate(review, [ANOMALY], new, [{"span": 1, "digest": "a"}, *SPANS], decisions)


def test_findings_of_spans_are_accepted_with_each_those_of_the_window_with_the_newest() -> None:
    assert gate().commands == [
        "flowers review accept 2 --all-findings --reason TEXT --by NAME",
        "flowers review accept 3 --all-findings --reason TEXT --by NAME",
        "flowers review reject 3 --reason TEXT --by NAME",
    ]


def test_a_decision_on_one_of_the_new_spans_is_not_enough() -> None:
    ids = (LUMA.id, ANOMALY.id, MODEL.id)
    assert gate(accept("c", *ids)).review.blocking == (LUMA,)
    assert gate(accept("b", *ids)).review.verdict == "blocked"
    passed = gate(accept("b", LUMA.id), accept("c", *ids))
    assert (passed.review.verdict, passed.commands, passed.message) == ("pass", [], "")
    # What concerns the window alone is accepted with the newest span alone.
    of_window = gate(accept("b", LUMA.id), accept("c", LUMA.id))
    assert of_window.commands[0] == "flowers review accept 3 --all-findings --reason TEXT --by NAME"


def test_without_new_spans_the_newest_of_the_window_is_decided_on() -> None:
    assert gate(new=[]).numbers == [3]
    assert gate(accept("c", LUMA.id, ANOMALY.id, MODEL.id), new=[]).review.verdict == "pass"


def test_a_blocked_run_says_why_and_how_to_continue() -> None:
    outcome = json.loads(gate().outcome("reviews/a/report.html"))
    assert (outcome["verdict"], outcome["commands"]) == ("blocked", gate().commands)
    stopped = Blocked(outcome["message"], outcome["page"], outcome["commands"])
    assert "The data review stopped the run: " in stopped.message
    assert "(and 2 more: " in stopped.message
    assert stopped.hint.startswith("Read reviews/a/report.html. Then either flowers review accept 2 --all-findings")
    assert stopped.hint.endswith("or flowers review reject 3 --reason TEXT --by NAME, and run again.")
