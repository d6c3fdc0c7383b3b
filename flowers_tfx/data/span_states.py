"""What reviewers decided on a span: whether it was rejected, which findings were accepted, which photos were left out, which labels were
corrected, and what waits for another name.

Each decision is a vote of its author on a few questions: on the span itself, on a finding, on a photo, on a label. A question is settled
when `approvals` authors gave the same answer since it was settled last; a later vote of an author replaces the earlier one. With one
approval the last decision wins.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from flowers_tfx.data.decisions import Decision
from flowers_tfx.data.photo_edits import PhotoEdits

_Question = tuple[str, ...]
Effect = Literal["settled", "open", "repeated", "withdrawn", "none"]


@dataclass(frozen=True)
class Waiting:
    """A decision that does not count yet: `names` gave it, `missing` more must. `photos`, `labels` and `findings` are what is left of the
    decision's own."""

    decision: Decision
    names: tuple[str, ...]
    missing: int
    findings: tuple[str, ...] = ()
    photos: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        one = self.decision
        return {
            "action": one.action,
            "span": one.span,
            "digest": one.digest,
            "findings": list(self.findings),
            "photos": list(self.photos),
            "labels": dict(self.labels),
            "reason": one.reason,
            "by": list(self.names),
            "when": one.when,
            "missing": self.missing,
        }


@dataclass(frozen=True)
class SpanState:
    """`accepted`: findings that were accepted with the photos and labels that the span has now; `decisions`: how many were taken on it."""

    decisions: int
    rejected: bool
    accepted: frozenset[str]
    edits: PhotoEdits
    waiting: tuple[Waiting, ...]


def span_state(decisions: Sequence[Decision], approvals: int = 1) -> SpanState:
    """`decisions`: those on the span, in their order."""
    votes = Votes(approvals)
    for decision in decisions:
        votes.add(decision)
    return votes.state()


def settled_count(decisions: Iterable[Decision], approvals: int = 1) -> int:
    """How many of these decisions, on any span, settled something: what has changed for a run."""
    spans: dict[int, Votes] = {}
    effects = (spans.setdefault(decision.span, Votes(approvals)).add(decision) for decision in decisions)
    # One approval settles by itself, also what was settled before.
    return sum(approvals == 1 or "settled" in of_decision for of_decision in effects)


class Votes:
    """The votes on one span."""

    def __init__(self, approvals: int) -> None:
        self._approvals = approvals
        self._decisions: list[Decision] = []
        self._answers: dict[_Question, str] = {}
        # By question and author: the answer, and the position of the decision.
        self._open: dict[_Question, dict[str, tuple[str, int]]] = {}

    @property
    def edits(self) -> PhotoEdits:
        excluded = {question[1] for question, answer in self._answers.items() if (question[0], answer) == ("photo", "excluded")}
        labels = {question[1]: answer for question, answer in self._answers.items() if question[0] == "label"}
        return PhotoEdits(frozenset(excluded), labels)

    def add(self, decision: Decision) -> set[Effect]:
        """What the decision does to the questions that it answers."""
        position = len(self._decisions)
        self._decisions.append(decision)
        return {self._vote(question, answer, decision.by, position) for question, answer in list(self._questions(decision))}

    def state(self) -> SpanState:
        edits = self.edits
        accepted = {question[1] for question in self._answers if question[0] == "finding" and question[2] == edits.digest}
        rejected = self._answers.get(("span",)) == "rejected"
        return SpanState(len(self._decisions), rejected, frozenset(accepted), edits, tuple(self._waiting(edits)))

    def _questions(self, decision: Decision) -> Iterator[tuple[_Question, str]]:
        match decision.action:
            case "reject":
                yield ("span",), "rejected"
            case "accept":
                yield ("span",), "kept"
                # A finding is accepted with the photos that the reviewer saw.
                seen = self.edits.digest
                yield from ((("finding", name, seen), "accepted") for name in decision.findings)
            case "exclude":
                yield from ((("photo", digest), "excluded") for digest in decision.photos)
            case "include":
                yield from ((("photo", digest), "included") for digest in decision.photos)
            case "relabel":
                yield from ((("label", digest), label) for digest, label in decision.labels.items())

    def _vote(self, question: _Question, answer: str, author: str, position: int) -> Effect:
        votes = self._open.setdefault(question, {})
        earlier, _ = votes.pop(name_key(author), ("", 0))
        if answer == self._answers.get(question, _DEFAULTS.get(question[0])):
            return "withdrawn" if earlier else "none"
        votes[name_key(author)] = (answer, position)
        if sum(other == answer for other, _ in votes.values()) < self._approvals:
            return "repeated" if earlier == answer else "open"
        self._answers[question] = answer
        del self._open[question]
        return "settled"

    def _waiting(self, edits: PhotoEdits) -> Iterator[Waiting]:
        """The newest decision on what waits stands for all that gave the same answer."""
        by_decision: dict[int, list[tuple[_Question, str]]] = {}
        for question, votes in self._open.items():
            if question[0] == "finding" and question[2] != edits.digest:
                continue
            for answer in {answer for answer, _ in votes.values()}:
                newest = max(position for other, position in votes.values() if other == answer)
                by_decision.setdefault(newest, []).append((question, answer))
        for position, questions in sorted(by_decision.items()):
            decision = self._decisions[position]
            positions = {at for question, answer in questions for other, at in self._open[question].values() if other == answer}
            names = tuple(self._decisions[at].by for at in sorted(positions))
            fewest = min(sum(other == answer for other, _ in self._open[question].values()) for question, answer in questions)
            of_kind = {kind: tuple(question[1] for question, _ in questions if question[0] == kind) for kind in ("finding", "photo")}
            labels = {question[1]: answer for question, answer in questions if question[0] == "label"}
            yield Waiting(decision, names, self._approvals - fewest, of_kind["finding"], of_kind["photo"], labels)


_DEFAULTS = {"span": "kept", "photo": "included"}


def name_key(name: str) -> str:
    """Equal for two spellings of one name."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
