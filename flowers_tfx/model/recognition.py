"""What a served model answers besides the classes: probabilities that are calibrated, and that it does not know a photo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flowers_tfx.model.unknown_detector import Detector


@dataclass(frozen=True)
class Recognition:
    """Logits are divided by `temperature`. Without a `detector` everything is known. `record`: the content of unknown.json
    (docs/interfaces.md)."""

    temperature: float = 1.0
    detector: Detector | None = None
    record: Mapping[str, Any] = field(default_factory=dict)


PLAIN = Recognition()
