"""The floors that a candidate must reach."""

from __future__ import annotations

from pydantic import Field

from flowers_tfx.config.section import Section


class EvaluationConfig(Section):
    min_accuracy: float = Field(0.6, ge=0, le=1, description="a candidate below this accuracy on `test` is not blessed")
    max_drop: float = Field(0.02, ge=0, le=1, description="how far below the serving model's accuracy a candidate may lie")
