"""Findings and the review that they make, in plain types, and their JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from flowers_tfx.finding_kinds import BY_KEY, KINDS, KindSpec

Level = Literal["note", "warn", "error"]
Verdict = Literal["pass", "warn", "blocked"]
LEVELS: tuple[Level, ...] = ("note", "warn", "error")


@dataclass(frozen=True)
class Example:
    """A photo that shows what a finding means. `value`: the feature's, if it has one."""

    uri: str
    digest: str
    label: str = ""
    value: float | str | None = None


@dataclass(frozen=True)
class Finding:
    """`kind`: the key of a row of `finding_kinds`. `p_value`: adjusted for every test of the review; None for counts, which need no test.
    `effect` is in `unit`, and the level goes by it; `threshold` is that of the level, for a note that of a warning.
    `accepted`: a reviewer let it pass. `facts`: what the message is made of, so that a report can write it in another language; empty if
    only the message is known."""

    id: str
    level: Level
    kind: str
    feature: str
    message: str
    statistic: float | None = None
    p_value: float | None = None
    effect: float | None = None
    unit: str = ""
    threshold: float | None = None
    examples: tuple[Example, ...] = ()
    accepted: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in BY_KEY:
            raise ValueError(f"{self.kind!r} is not a kind of finding; known are {', '.join(BY_KEY)}")

    @property
    def spec(self) -> KindSpec:
        return BY_KEY[self.kind]

    def as_json(self) -> dict[str, Any]:
        values = {
            "id": self.id,
            "level": self.level,
            "kind": self.kind,
            "feature": self.feature,
            "statistic": number(self.statistic),
            "p_value": number(self.p_value),
            "effect": number(self.effect),
            "unit": self.unit,
            "threshold": number(self.threshold),
            "message": self.message,
            "examples": [
                {"uri": e.uri, "digest": e.digest, "label": e.label, "value": number(e.value) if isinstance(e.value, float) else e.value}
                for e in self.examples
            ],
        }
        return {**values, "accepted": True} if self.accepted else values

    def keys(self) -> list[str]:
        """With `__getitem__`: a finding can be read as its JSON, finding["level"], dict(finding)."""
        return list(self.as_json())

    def __getitem__(self, key: str) -> Any:
        return self.as_json()[key]


@dataclass(frozen=True)
class Review:
    """`scores`: {feature: {method: value}}, also without findings. `compared_with`: {kind, version, digest, photos}; `new`: {spans,
    digest, photos}; `decisions`: those of reviewers that were applied. `digest` names both samples and the policy. `harm`, `groups`,
    `power` and `story` as in the JSON: what the change costs the model, which photos it is, what could not have been seen, and the cause
    in one sentence; None or empty where they were not computed. `sequential`: {weeks, level, reviews} of a review whose error rate is held
    over time with those before it; None for one that stands alone."""

    findings: tuple[Finding, ...]
    scores: Mapping[str, Mapping[str, float | None]]
    compared_with: Mapping[str, Any]
    new: Mapping[str, Any]
    decisions: tuple[Mapping[str, Any], ...] = ()
    digest: str = ""
    harm: Mapping[str, Any] | None = None
    groups: tuple[Mapping[str, Any], ...] = ()
    power: Mapping[str, float | None] = field(default_factory=dict)
    story: str | None = None
    sequential: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "findings", tuple(sorted(self.findings, key=_order)))

    @property
    def verdict(self) -> Verdict:
        open_levels = {finding.level for finding in self.findings if not finding.accepted}
        return "blocked" if "error" in open_levels else "warn" if "warn" in open_levels else "pass"

    @property
    def is_compared(self) -> bool:
        """Whether there was a baseline; otherwise the new photos were inspected alone."""
        return self.compared_with.get("kind") in ("serving", "span")

    @property
    def blocking(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.level == "error" and not finding.accepted)

    def of_level(self, *levels: Level) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.level in levels)

    def with_decisions(self, accepted: Sequence[str], decisions: Sequence[Mapping[str, Any]]) -> Review:
        """The same review with these findings accepted."""
        findings = tuple(replace(finding, accepted=finding.id in accepted) for finding in self.findings)
        return replace(self, findings=findings, decisions=tuple(decisions))

    def with_findings(self, more: Iterable[Finding]) -> Review:
        """The same review with findings from elsewhere, in their order."""
        return replace(self, findings=(*self.findings, *more))

    def with_scores(self, more: Mapping[str, Mapping[str, float | None]]) -> Review:
        scores = {name: {**values, **more.get(name, {})} for name, values in self.scores.items()}
        return replace(self, scores=scores | {name: dict(values) for name, values in more.items() if name not in scores})

    def as_json(self) -> dict[str, Any]:
        """The JSON of a review (docs/interfaces.md)."""
        return {
            "verdict": self.verdict,
            "findings": [finding.as_json() for finding in self.findings],
            "facts": {finding.id: dict(finding.facts) for finding in self.findings if finding.facts},
            "scores": {name: {method: number(value) for method, value in by.items()} for name, by in self.scores.items()},
            "compared_with": dict(self.compared_with),
            "new": dict(self.new),
            "decisions": [dict(decision) for decision in self.decisions],
            "digest": self.digest,
            "harm": dict(self.harm) if self.harm is not None else None,
            "groups": [dict(group) for group in self.groups],
            "power": {name: number(effect) for name, effect in self.power.items()},
            "story": self.story,
            "sequential": dict(self.sequential) if self.sequential is not None else None,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Review:
        """What `as_json` wrote, also before there were facts, harm, groups, power, a story and sequences."""
        facts = value.get("facts", {})
        findings = tuple(
            Finding(
                **{
                    **finding,
                    "examples": tuple(Example(**example) for example in finding["examples"]),
                    "facts": facts.get(finding["id"], {}),
                }
            )
            for finding in value["findings"]
        )
        return cls(
            findings,
            value["scores"],
            value["compared_with"],
            value["new"],
            tuple(value["decisions"]),
            value["digest"],
            value.get("harm"),
            tuple(value.get("groups", ())),
            value.get("power", {}),
            value.get("story"),
            value.get("sequential"),
        )


_RANKS = {spec.key: rank for rank, spec in enumerate(KINDS)}


def _order(finding: Finding) -> tuple[int, int, float, str]:
    return -LEVELS.index(finding.level), _RANKS[finding.kind], -(finding.effect or 0.0), finding.id


def number(value: float | None) -> float | None:
    """JSON knows no NaN and no infinity. Six significant digits are more than any test can resolve."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")
