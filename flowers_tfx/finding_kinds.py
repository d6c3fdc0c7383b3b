"""Kinds of findings of a data review. A row of `KINDS` makes a kind: the configuration, the levels, the order of the findings, the reports
and the documents read this table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Evidence = Literal["tested", "counted"]
Examples = Literal["typical", "pairs", "alone"]
Levels = tuple[float, float]


@dataclass(frozen=True)
class KindSpec:
    """`name` is used in the code; `json_key`, if it differs, in the JSON of a review, in ids of findings and in the configuration.

    `title` and `effect_meaning` are for people: the name of the kind, and what its effect, in points, measures.
    `evidence`: whether a statistical test decides that there is a finding, or a count of photos.
    `levels`: effects, in points, that warn and that stop; None if the code that makes the findings decides on their level.
    `examples`: photos of a finding are shown beside typical ones of the baseline, as pairs of photo and partner, or alone.
    `one_property`: each finding is on a single image property. `visible`: people can see it in the photos.
    """

    name: str
    title: str
    effect_meaning: str
    evidence: Evidence
    levels: Levels | None
    json_key: str = ""
    examples: Examples = "typical"
    one_property: bool = False
    visible: bool = False

    @property
    def key(self) -> str:
        return self.json_key or self.name


# In the order in which findings of one level are listed.
KINDS: tuple[KindSpec, ...] = (
    KindSpec("schema", "Table", "share of the photos whose values are broken", "counted", None, examples="alone"),
    KindSpec(
        "performance",
        "Accuracy of the model",
        "by how much the model answers fewer of the new photos right than of its own test photos",
        "counted",
        None,
        examples="alone",
    ),
    KindSpec(
        "property",
        "Property",
        "largest difference between the shares of photos below any value, or of photos with a value",
        "tested",
        (10.0, 25.0),
        one_property=True,
        visible=True,
    ),
    KindSpec(
        "joint",
        "All properties together",
        "how many more of 100 photos than by tossing a coin their properties sort into new and baseline",
        "tested",
        (5.0, 15.0),
    ),
    KindSpec(
        "tail", "Extreme values", "how many more photos lie beyond a value", "tested", (2.0, 20.0), json_key="sparse", one_property=True
    ),
    KindSpec(
        "label",
        "Labels",
        "share of the photos that would have to change their class, or whose class is new, gone or doubtful",
        "tested",
        (5.0, 15.0),
        visible=True,
    ),
    KindSpec(
        "content",
        "Content",
        "how many more of 100 photos than by tossing a coin their content sorts into new and baseline",
        "tested",
        (5.0, 15.0),
        visible=True,
    ),
    KindSpec("conflict", "Conflicting labels", "share of the photos that have two labels", "counted", (1.0, 5.0), examples="pairs"),
    KindSpec("duplicate", "Duplicates", "share of the photos that repeat another one", "counted", (2.0, 25.0), examples="pairs"),
    KindSpec("reject", "Rejected lines", "share of the lines that gave no photo", "counted", (2.0, 20.0)),
)

BY_NAME = {spec.name: spec for spec in KINDS}
BY_KEY = {spec.key: spec for spec in KINDS}
DEFAULT_LEVELS: dict[str, Levels] = {spec.key: spec.levels for spec in KINDS if spec.levels}
