"""The data review: its error rate, and which effects warn and stop."""

from __future__ import annotations

from pydantic import Field, field_validator

from flowers_tfx.config.section import Section

# Kinds of findings whose effects have levels; flowers_tfx/validation/policy.py has their defaults.
KINDS = ("property", "joint", "sparse", "label", "content", "duplicate", "conflict", "reject")
Levels = dict[str, tuple[float, float]]


class ReviewConfig(Section):
    alpha: float = Field(0.01, gt=0, le=0.2, description="probability that a review of data without drift warns or stops")
    permutations: int = Field(2000, ge=500, le=100_000, description="draws that calibrate the tests of a review")
    sample: int = Field(2000, ge=50, le=20_000, description="photos a side that the tests look at; effects come from all")
    levels: Levels = Field(
        {}, description="effects, in points, that warn and that stop, by kind of finding: `{property: [10, 25]}`; the others keep theirs"
    )
    features: Levels = Field({}, description="the same for single features, before the schema's: `{mean_luma: [20, 40]}`")

    @field_validator("levels", "features")
    @classmethod
    def _ascending(cls, value: Levels) -> Levels:
        for name, (warn, error) in value.items():
            if not 0 <= warn <= error:
                raise ValueError(f"the levels of {name} must ascend from 0")
        return value

    @field_validator("levels")
    @classmethod
    def _known_kinds(cls, value: Levels) -> Levels:
        unknown = [name for name in value if name not in KINDS]
        if unknown:
            raise ValueError(f"{unknown[0]} is no kind of finding with levels; known are {', '.join(KINDS)}")
        return value
