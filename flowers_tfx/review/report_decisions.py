"""What a reviewer can decide, the same on every verdict: accept, leave photos out, reject; each with its command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowers_tfx.review.report_words import is_served
from flowers_tfx.texts import Texts
from flowers_tfx.validation.review import Review

_SIGNED = "--reason TEXT --by NAME"
_ACCEPT = {"blocked": "decide.accept_blocked", "warn": "decide.accept_warn"}


@dataclass(frozen=True)
class Option:
    """`commands`: shell commands, none where nothing has to be done."""

    title: str
    text: str
    commands: tuple[str, ...] = ()


def options(review: Review, spans: Sequence[int], commands: Sequence[str], texts: Texts) -> list[Option]:
    """`spans`: the numbers of the reviewed deliveries, empty outside a run; `commands`: those that let a blocked run go on. None for photos
    that were served: no delivery can be accepted or rejected."""
    if is_served(review):
        return []
    # With several spans the group may lie in any of them.
    group = review.groups[0] if review.groups and len(spans) <= 1 else None
    names = [(name, texts(f"decide.{name}")) for name in ("accept", "exclude", "reject")]
    if not spans:
        return [Option(title, texts(f"decide.{name}_before")) for name, title in names]
    accepting = tuple(command for command in commands if command.startswith("flowers review accept "))
    span = spans[-1]
    excluded = str(span) if len(spans) == 1 else "SPAN"
    which = f"--group {group['id']}" if group else "--photo DIGEST"
    sentences = {
        "accept": texts(_ACCEPT.get(review.verdict, "decide.accept_open")),
        "exclude": texts("decide.exclude_group", count=len(group["photos"])) if group else texts("decide.exclude_photos"),
        "reject": texts("decide.reject_text"),
    }
    shown: Mapping[str, tuple[str, ...]] = {
        "accept": accepting,
        "exclude": (f"flowers review exclude {excluded} {which} {_SIGNED}",),
        "reject": (f"flowers review reject {span} {_SIGNED}",),
    }
    return [Option(title, sentences[name], shown[name]) for name, title in names]


def decision_lines(decisions: Sequence[Mapping[str, Any]], texts: Texts) -> list[str]:
    """A sentence for each decision, oldest first."""
    return [_line(decision, texts) for decision in decisions]


def _line(decision: Mapping[str, Any], texts: Texts) -> str:
    action = decision.get("action")
    known = action if f"decision.{action}" in texts.table else "other"
    return texts(
        f"decision.{known}",
        by=decision.get("by") or texts("decision.nobody"),
        findings=decision.get("findings") or (),
        photos=len(decision.get("photos") or decision.get("labels") or ()),
        span=decision.get("span"),
        digest=str(decision.get("digest") or "")[:12],
        reason=decision.get("reason") or texts("decision.no_reason"),
        when=decision.get("when") or "",
    )
