"""Sentences on decisions of reviewers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowers_tfx.data.decisions import Decision, read_decisions
from flowers_tfx.data.span_states import Waiting, name_key
from flowers_tfx.data.spans import require_span
from flowers_tfx.reports.rendering import count
from flowers_tfx.reports.words import clean
from flowers_tfx.review.decisions import state_of
from flowers_tfx.texts import ENGLISH, Texts


def subject_of(decision: Mapping[str, Any], texts: Texts = ENGLISH) -> str:
    """What a decision is about: "3 photos of span 2". `decision`: its JSON, also with `photo_count` instead of photos."""
    photos = int(decision.get("photo_count", 0)) or len(decision.get("photos", ())) + len(decision.get("labels", ()))
    kind = "findings" if decision.get("findings") else "photos" if photos else "span"
    return texts(f"subject.{kind}", findings=decision.get("findings"), photos=photos, span=decision["span"])


def waiting_sentence(waiting: Waiting, texts: Texts = ENGLISH) -> str:
    names = texts("waiting.and").join(waiting.names)
    what = texts(f"waiting.{waiting.decision.action}", subject=subject_of(waiting.as_json(), texts))
    return clean(texts("waiting", names=names, what=what, missing=waiting.missing), 300)


def effect_sentence(data_root: str, decision: Decision, approvals: int) -> str:
    """What follows from a decision that was just recorded."""
    waiting = state_of(read_decisions(data_root), require_span(data_root, decision.span), approvals).waiting
    own = [one for one in waiting if one.decision.action == decision.action and name_key(decision.by) in map(name_key, one.names)]
    if own:
        return " ".join(map(waiting_sentence, own))
    photos = subject_of(decision.as_json())
    match decision.action:
        case "accept":
            return f"span {decision.span} passes with {', '.join(decision.findings)}. Run again to continue."
        case "reject":
            return f"span {decision.span} leaves every window. Run again to continue with the rest."
        case "exclude":
            return f"{photos} leave every window. Run again: the rest of the span is reviewed as if they had not come."
        case "include":
            return f"{photos} are in the windows again. Run again to review them."
        case "relabel":
            return f"{photos} have other labels now. Run again to continue with these."


def decision_line(decision: Mapping[str, Any]) -> str:
    """ "accepted by Ada: fine", "2 photos left out by Ada: other camera". `decision`: its JSON."""
    photos = len(decision.get("photos", ())) + len(decision.get("labels", ()))
    what = {"accept": "accepted", "reject": "rejected", "exclude": "left out", "include": "taken back in", "relabel": "relabelled"}
    return f"{count(photos) + ' ' if photos else ''}{what[decision['action']]} by {decision['by']}: {decision['reason']}"
