"""The definition of drift: the settings of a review with every level filled in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import Field, ValidationError

from flowers_tfx.config.review import Levels, ReviewConfig
from flowers_tfx.config.section import first_problem
from flowers_tfx.errors import InputError
from flowers_tfx.finding_kinds import DEFAULT_LEVELS
from flowers_tfx.validation.review import Level


class Policy(ReviewConfig):
    """The fields of `ReviewConfig`, by their names or the configuration's; without any, the levels are those of `finding_kinds`.

    Raises InputError if a value is out of its bounds.
    """

    levels: Levels = Field(default_factory=lambda: dict(DEFAULT_LEVELS))

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            key, reason, value = first_problem(error)
            raise InputError(f"The review's {key} cannot be {value!r}: {reason}.") from None

    @classmethod
    def of_config(cls, config: ReviewConfig, schema_levels: Mapping[str, tuple[float, float]]) -> Policy:
        """Levels of the configuration go before those of the schema, and these before the levels of the kinds."""
        levels = {**DEFAULT_LEVELS, **config.levels}
        return cls(**{**config.model_dump(), "levels": levels, "feature_levels": {**schema_levels, **config.feature_levels}})

    def limits(self, kind: str, feature: str) -> tuple[float, float]:
        """Effects, in points, that warn and that stop."""
        return self.feature_levels.get(feature) or self.levels.get(kind) or DEFAULT_LEVELS[kind]

    def level(self, kind: str, feature: str, effect: float) -> Level:
        warn, error = self.limits(kind, feature)
        return "error" if effect >= error else "warn" if effect >= warn else "note"

    def threshold(self, kind: str, feature: str, level: Level) -> float:
        warn, error = self.limits(kind, feature)
        return error if level == "error" else warn

    def as_json(self) -> str:
        # The language of the report changes nothing that is compared.
        return json.dumps(self.model_dump(exclude={"language"}), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Policy:
        return cls(**json.loads(text))

    @property
    def digest(self) -> str:
        """Of the settings that decide over a single review without a model."""
        values = self.model_dump(exclude={"approvals", "false_alarm_weeks", "max_drop", "language"})
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
