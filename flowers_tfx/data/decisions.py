"""Decisions of reviewers: the lines of DATA_ROOT/decisions.jsonl, bound to a span by its digest. Lines are appended and never changed, but
for the digests of photos that were forgotten."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from flowers_tfx.data.spans import Span, data_root_path
from flowers_tfx.errors import InputError
from flowers_tfx.storage import BucketPath, StoragePath, update_file

FILE = "decisions.jsonl"
Action = Literal["accept", "reject", "exclude", "include", "relabel"]
ACTIONS: tuple[Action, ...] = get_args(Action)
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Decision:
    """`findings`: ids that `accept` lets pass; `photos`: digests that `exclude` and `include` concern; `labels`: digests to classes of
    `relabel`; `group`: the id of a review's group that the photos came from; `file`: the digest of the decision file that it came with.
    All of them are empty for other decisions. `when` in ISO 8601, UTC."""

    action: Action
    span: int
    digest: str
    findings: tuple[str, ...]
    reason: str
    by: str
    when: str
    photos: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    group: str = ""
    file: str = ""

    def as_json(self) -> dict[str, Any]:
        """Without what is empty, except `findings`, which every line has had from the start."""
        value = {**asdict(self), "findings": list(self.findings), "photos": list(self.photos), "labels": dict(self.labels)}
        return {key: item for key, item in value.items() if item or key == "findings"}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Decision:
        """Raises ValueError, TypeError or KeyError for what is not a decision. Digests of forgotten photos are left out."""
        photos = tuple(digest for digest in value.get("photos", ()) if _DIGEST.fullmatch(digest))
        labels = {digest: str(label) for digest, label in value.get("labels", {}).items() if _DIGEST.fullmatch(digest)}
        decision = cls(**{**value, "findings": tuple(value["findings"]), "photos": photos, "labels": labels})
        texts = (decision.digest, decision.reason, decision.by, decision.when, decision.group, decision.file, *decision.findings)
        if decision.action not in ACTIONS or type(decision.span) is not int or type(value["findings"]) is not list:
            raise ValueError(decision.action)
        if not all(isinstance(text, str) for text in texts):
            raise TypeError(decision.action)
        return decision


def decisions_path(data_root: str | os.PathLike[str] | BucketPath) -> StoragePath:
    return data_root_path(data_root) / FILE


def read_decisions(data_root: str | os.PathLike[str] | BucketPath) -> list[Decision]:
    """In the order in which they were taken. Raises InputError for a line that is not a decision: a gate must not guess."""
    path = decisions_path(data_root)
    return _parse(path.read_bytes(), path) if path.is_file() else []


def append_decisions(data_root: str | os.PathLike[str], take: Callable[[list[Decision]], Sequence[Decision]]) -> list[Decision]:
    """Appends what `take` makes of the decisions so far, all of it or, if `take` raises an error, nothing; between its look and the write
    nobody else decides. In a bucket `take` is called again when somebody did."""
    path = decisions_path(data_root)
    taken: list[Decision] = []

    def append(content: bytes) -> bytes:
        taken[:] = take(_parse(content, path))
        lines = b"".join(json.dumps(decision.as_json(), ensure_ascii=False).encode() + b"\n" for decision in taken)
        return content + (b"\n" if lines and content and not content.endswith(b"\n") else b"") + lines

    update_file(path, append)
    return taken


def decisions_on(decisions: Iterable[Decision], span: Span) -> list[Decision]:
    """The decisions on this content of the span, also where photos were forgotten since; they name its digest of now."""
    own = (decision for decision in decisions if decision.span == span.number and decision.digest in span.digests)
    return [replace(decision, digest=span.digest) for decision in own]


def compact(decision: Decision) -> dict[str, Any]:
    """For a parameter of a node, which must stay short, and which would keep the digests of photos that are forgotten later: `photo_count`
    instead of `photos` and `labels`."""
    value = decision.as_json()
    photos = len(value.pop("photos", ())) + len(value.pop("labels", ()))
    return {**value, "photo_count": photos} if photos else value


def expand(data_root: str, spans: Sequence[Span], compacted: Sequence[Mapping[str, Any]]) -> list[Decision]:
    """The decisions on these spans that `compact` was made of, as decisions.jsonl has them now. Raises InputError if it lacks one."""
    if not any("photo_count" in value for value in compacted):
        return [Decision.from_json(value) for value in compacted]
    path, decisions = decisions_path(data_root), read_decisions(data_root)
    expanded = []
    for span in spans:
        number = sum(value["digest"] == span.digest for value in compacted)
        own = decisions_on(decisions, span)[:number]
        if len(own) < number:
            raise InputError(f"{path} lost decisions on span {span.number} during the run.", "Restore the file from a copy, and run again.")
        expanded += own
    return expanded


def _parse(content: bytes, path: StoragePath) -> list[Decision]:
    decisions = []
    # A reason can hold any character: str.splitlines() would split it at a U+2028, too.
    for number, line in enumerate(content.removesuffix(b"\n").split(b"\n") if content else (), 1):
        try:
            decisions.append(Decision.from_json(json.loads(line)))
        except (ValueError, TypeError, KeyError, AttributeError):
            raise InputError(
                f"Line {number} of {path} is not a decision.", "Restore the file from a copy; the program only appends to it."
            ) from None
    return decisions
