"""Decision files: what a reviewer decided at the desk, for an operator who may write to the data root.

    {"format": 1, "created": ISO 8601, "decisions": [{"action", "span", "digest", "seen", "reason", "by", "when",
                                                      "findings", "photos", "labels", "group"}]}

`digest` is that of the span and `seen` the number of decisions on it when the reviewer decided. The last four are left out where they are
empty. A file is applied once, whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from flowers_tfx.data.decisions import ACTIONS, Decision, read_decisions
from flowers_tfx.errors import InputError
from flowers_tfx.review.decisions import DecisionRequest, decide_all

FORMAT = 1
MAX_BYTES = 16 << 20
MAX_DECISIONS = 1000
_REQUIRED = {"action": str, "span": int, "digest": str, "seen": int, "reason": str, "by": str, "when": str}
_HINT = "Apply the file as the desk wrote it."


@dataclass(frozen=True)
class AppliedFile:
    """`decisions`: those of the file as they are recorded; `was_applied`: an earlier call recorded them."""

    decisions: tuple[Decision, ...]
    was_applied: bool

    def as_json(self) -> dict[str, Any]:
        return {"applied": not self.was_applied, "decisions": [decision.as_json() for decision in self.decisions]}


def decision_file(requests: Sequence[DecisionRequest], created: str) -> str:
    """The text of a file with these decisions; each names the span's digest, how many decisions its reviewer saw, and when it was taken."""
    decisions = []
    for request in requests:
        required = {
            "action": request.action,
            "span": request.span,
            "digest": request.digest,
            "seen": request.expected,
            "reason": request.reason,
            "by": request.by,
            "when": request.when or created,
        }
        lists = {"findings": list(request.findings), "photos": list(request.photos), "labels": dict(request.labels)}
        decisions.append({**required, **{name: value for name, value in {**lists, "group": request.group}.items() if value}})
    return json.dumps({"format": FORMAT, "created": created, "decisions": decisions}, indent=1, ensure_ascii=False) + "\n"


def apply_file(data_root: str, path: Path, *, classes: Sequence[str], approvals: int) -> AppliedFile:
    """Records the decisions of a file. Raises InputError for another file, and as `decide_all`: where a span or what was decided on it is
    not what the reviewer saw, nothing is recorded."""
    requests, digest = read_file(path)
    if earlier := _of_file(data_root, digest):
        return AppliedFile(earlier, True)
    taken = decide_all(data_root, requests, classes=classes, approvals=approvals, file=digest)
    return AppliedFile(tuple(taken), False) if taken else AppliedFile(_of_file(data_root, digest), True)


def read_file(path: Path) -> tuple[list[DecisionRequest], str]:
    """The decisions of a file, and the digest of its content, whatever its layout."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path} has more than {MAX_BYTES >> 20} MB.", _HINT)
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", "Name a decision file that the desk wrote.") from None
    except (ValueError, RecursionError):
        raise InputError(f"{path} is not a decision file: it is not JSON.", _HINT) from None
    if not isinstance(value, dict) or not isinstance(value.get("decisions"), list):
        raise InputError(f"{path} is not a decision file.", _HINT)
    if value.get("format") != FORMAT:
        raise InputError(f"{path} has the format {value.get('format')!r}; this program reads {FORMAT}.", "Use the version that wrote it.")
    if not 0 < len(value["decisions"]) <= MAX_DECISIONS:
        raise InputError(f"{path} has {len(value['decisions'])} decisions; a file has 1 to {MAX_DECISIONS:,}.", _HINT)
    try:
        requests = [_request(entry) for entry in value["decisions"]]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path} is not a decision file: {error}.", _HINT) from None
    return requests, hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _request(entry: Mapping[str, Any]) -> DecisionRequest:
    for name, kind in _REQUIRED.items():
        if type(entry.get(name)) is not kind:
            raise ValueError(f"a decision has no {name}")
    lists = [entry.get(name, []) for name in ("findings", "photos")]
    labels, group = entry.get("labels", {}), entry.get("group", "")
    texts = [*lists[0], *lists[1], *labels.keys(), *labels.values(), group]
    if entry.keys() - _REQUIRED.keys() - {"findings", "photos", "labels", "group"} or not all(isinstance(text, str) for text in texts):
        raise ValueError("a decision has what is not known here")
    if entry["action"] not in ACTIONS or entry["seen"] < 0:
        raise ValueError(f"the decision {entry['action']!r} is not known")
    datetime.fromisoformat(entry["when"])
    return DecisionRequest(
        entry["action"],
        entry["span"],
        entry["reason"],
        entry["by"],
        tuple(lists[0]),
        tuple(lists[1]),
        dict(labels),
        group,
        entry["digest"],
        entry["seen"],
        entry["when"],
    )


def _of_file(data_root: str, digest: str) -> tuple[Decision, ...]:
    return tuple(decision for decision in read_decisions(data_root) if decision.file == digest)
