"""The data review: its error rate, and which effects warn and stop."""

from __future__ import annotations

from math import ceil
from typing import Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from flowers_tfx.config.section import Section
from flowers_tfx.finding_kinds import DEFAULT_LEVELS

Levels = dict[str, tuple[float, float]]


class ReviewConfig(Section):
    """`levels`: kind of finding to effects that warn and that stop; `feature_levels`: the same for single features."""

    model_config = ConfigDict(populate_by_name=True)

    alpha: float = Field(0.01, gt=0, le=0.2, description="probability that a review of data without drift warns or stops")
    false_alarm_weeks: float = Field(
        4.0, gt=0, le=520, description="at most one false alarm is expected in so many weeks, however often photos are reviewed"
    )
    permutations: int = Field(2000, le=100_000, validate_default=True, description="draws that calibrate the tests of a review")
    sample: int = Field(2000, ge=10, le=20_000, description="photos a side that the tests look at; effects come from all")
    max_drop: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="drop of the serving model's accuracy, from its own test photos to new ones, from which a review stops",
    )
    approvals: int = Field(1, ge=1, le=5, description="how many different names a decision of reviewers needs to count")
    language: Literal["en", "de"] = Field("en", description="language of the report: en or de")
    levels: Levels = Field(
        {}, description="effects, in points, that warn and that stop, by kind of finding: `{property: [10, 25]}`; the others keep theirs"
    )
    feature_levels: Levels = Field(
        {}, alias="features", description="the same for single features, before the schema's: `{mean_luma: [20, 40]}`"
    )

    @field_validator("permutations")
    @classmethod
    def _enough_for_alpha(cls, value: int, info: ValidationInfo) -> int:
        # The smallest p-value of so many draws must suffice in the view with the smallest share of the error rate.
        least = ceil(15 / info.data["alpha"]) if "alpha" in info.data else 0
        if value < least:
            raise ValueError(f"an error rate `alpha` of {info.data['alpha']} needs {least} permutations or more")
        return value

    @field_validator("levels", "feature_levels")
    @classmethod
    def _ascending(cls, value: Levels) -> Levels:
        for name, (warn, error) in value.items():
            if not 0 <= warn <= error:
                raise ValueError(f"the levels of {name} must ascend from 0")
        return value

    @field_validator("levels")
    @classmethod
    def _known_kinds(cls, value: Levels) -> Levels:
        unknown = [name for name in value if name not in DEFAULT_LEVELS]
        if unknown:
            raise ValueError(f"{unknown[0]} is not a kind of finding with levels; known are {', '.join(DEFAULT_LEVELS)}")
        return value
