"""A group of new photos that make a difference."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from flowers_tfx.validation.groups.rules import Condition


@dataclass(frozen=True)
class PhotoGroup:
    """`photos`: their digests, sorted; `parts`: the group in words, without its size. `conditions`: the rule that the photos, and hardly
    any others, fulfil; empty if there is none. `findings`: ids of those that are gone without the group and those before it;
    `verdict_without`: the verdict of the photos that are left then. `accuracy`: the serving model's on the group, 0 to 1."""

    photos: tuple[str, ...]
    parts: tuple[str, ...]
    conditions: tuple[Condition, ...] = ()
    findings: tuple[str, ...] = ()
    verdict_without: str = ""
    accuracy: float | None = None
    adjectives: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The same for the same photos."""
        return f"group-{hashlib.sha256(' '.join(self.photos).encode()).hexdigest()[:12]}"

    @property
    def words(self) -> str:
        count = len(self.photos)
        return f"{count} photo{'s' if count > 1 else ''}: {', '.join(self.parts)}"

    def checked(self, findings: Sequence[str], verdict: str) -> PhotoGroup:
        return replace(self, findings=tuple(findings), verdict_without=verdict)

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "words": self.words,
            "photos": list(self.photos),
            "findings": list(self.findings),
            "accuracy": self.accuracy,
            "verdict_without": self.verdict_without,
            "conditions": [condition.as_json() for condition in self.conditions],
        }
