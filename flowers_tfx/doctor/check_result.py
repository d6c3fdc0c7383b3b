"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail"]
STATES: tuple[State, ...] = ("ok", "warn", "fail")  # from best to worst


@dataclass(frozen=True)
class CheckResult:
    """`found`: what is there, a sentence; `advice`: what to do about it, empty if nothing."""

    state: State
    found: str
    advice: str = ""


def ok(found: str) -> CheckResult:
    return CheckResult("ok", found)


def warn(found: str, advice: str) -> CheckResult:
    return CheckResult("warn", found, advice)


def fail(found: str, advice: str) -> CheckResult:
    return CheckResult("fail", found, advice)


def worst(results: list[CheckResult]) -> CheckResult:
    """All of them as one: the worst state, what those of this state found and advise, each sentence once."""
    state = max((result.state for result in results), key=STATES.index)
    chosen = [result for result in results if result.state == state]
    found = list(dict.fromkeys(result.found for result in chosen))
    advice = list(dict.fromkeys(result.advice for result in chosen if result.advice))
    return CheckResult(state, " ".join(found), " ".join(advice))
