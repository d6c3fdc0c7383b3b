"""What counts as drift: the error rate of a review, and how large an effect must be to warn or to stop."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType

from flowers_tfx.errors import InputError
from flowers_tfx.validation.review import Kind, Level

# Effects are in points: hundredths of a share. See `findings` for what each kind's effect is.
LEVELS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "property": (10.0, 25.0),
        "joint": (5.0, 15.0),
        "sparse": (2.0, 20.0),
        "label": (5.0, 15.0),
        "content": (5.0, 15.0),
        "duplicate": (2.0, 25.0),
        "conflict": (1.0, 5.0),
        "reject": (2.0, 20.0),
    }
)


@dataclass(frozen=True)
class Policy:
    """`alpha`: probability that a review of photos without drift warns or stops because of any of its tests. `permutations` calibrate
    them. Larger samples than `sample` photos a side are thinned for the tests; effects come from all photos. `levels`: kind to effects
    that warn and that stop; `feature_levels`: the same for one feature, which goes before its kind's."""

    alpha: float = 0.01
    permutations: int = 2000
    sample: int = 2000
    levels: Mapping[str, tuple[float, float]] = field(default_factory=lambda: dict(LEVELS))
    feature_levels: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise InputError(f"The error rate alpha must lie between 0 and 1, not at {self.alpha}.")
        # The smallest p-value that so many draws can give must suffice in the view with the smallest share of the error rate.
        if self.permutations < 15 / self.alpha:
            raise InputError(
                f"{self.permutations} permutations cannot tell an error rate of {self.alpha}.", f"Use {round(15 / self.alpha)} or more."
            )
        if self.sample < 10:
            raise InputError(f"A sample of {self.sample} photos is too small for any test.", "Use 10 or more.")
        for name, (warn, error) in {**self.levels, **self.feature_levels}.items():
            if not 0 <= warn <= error:
                raise InputError(f"The levels of {name} must ascend from 0: warn {warn:g}, error {error:g}.")

    def limits(self, kind: Kind, feature: str) -> tuple[float, float]:
        """Effects, in points, that warn and that stop."""
        return self.feature_levels.get(feature) or self.levels.get(kind) or LEVELS[kind]

    def level(self, kind: Kind, feature: str, effect: float) -> Level:
        warn, error = self.limits(kind, feature)
        return "error" if effect >= error else "warn" if effect >= warn else "note"

    def threshold(self, kind: Kind, feature: str, level: Level) -> float:
        warn, error = self.limits(kind, feature)
        return error if level == "error" else warn

    def as_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Policy:
        value = json.loads(text)
        pairs = [{key: (low, high) for key, (low, high) in value.pop(name).items()} for name in ("levels", "feature_levels")]
        return cls(**value, levels=pairs[0], feature_levels=pairs[1])

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.as_json().encode()).hexdigest()
