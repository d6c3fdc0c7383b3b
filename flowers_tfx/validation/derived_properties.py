"""Properties that follow from others: colour balance and size, which single channels and sides do not show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from flowers_tfx.validation.tables.photo_table import Floats


@dataclass(frozen=True)
class DerivedProperty:
    """`name` is also its title. `compute` takes the values of `bases`, [photos] each."""

    name: str
    unit: str
    bases: tuple[str, ...]
    compute: Callable[..., Floats]


DERIVED_PROPERTIES = (
    DerivedProperty("red-green balance", "", ("mean_red", "mean_green"), lambda red, green: red - green),
    DerivedProperty("yellow-blue balance", "", ("mean_red", "mean_green", "mean_blue"), lambda red, green, blue: (red + green) / 2 - blue),
    DerivedProperty("red-blue balance", "", ("mean_red", "mean_blue"), lambda red, blue: (red + 1) / (red + blue + 2)),
    DerivedProperty("pixels", "", ("width_px", "height_px"), lambda width, height: width * height),
    DerivedProperty("longer side", "px", ("width_px", "height_px"), np.maximum),
)
BASES: Mapping[str, tuple[str, ...]] = {derived.name: derived.bases for derived in DERIVED_PROPERTIES}


def derived_values(numbers: Mapping[str, Floats]) -> dict[str, Floats]:
    """Name to values, [photos], of those whose bases are all in `numbers`."""
    return {
        derived.name: derived.compute(*(numbers[base] for base in derived.bases))
        for derived in DERIVED_PROPERTIES
        if set(derived.bases) <= set(numbers)
    }
