"""Is a property's distribution different? Ranks (location), their squares (spread) and counts below cuts (any other change)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from flowers_tfx.validation.permutation import Floats, Permutations
from flowers_tfx.validation.photo_pool import PhotoPool
from flowers_tfx.validation.views.column_scores import Flags, flags_at_quantiles, legendre, score_columns
from flowers_tfx.validation.views.view_result import Column, ViewResult

CUTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
MISSING = "missing"
SHARE_OF = "share of "


def property_view(pool: PhotoPool, permutations: Permutations, numbers: Mapping[str, Floats], ranks: Mapping[str, Floats]) -> ViewResult:
    """`numbers`: property to values, [photos]; `ranks`: the same of those that vary."""
    ranked: list[tuple[Column, Floats]] = []
    flagged: list[tuple[Column, Flags]] = []
    for name, values in ranks.items():
        location, spread = legendre(values)
        ranked += [(Column(name, "location"), location), (Column(name, "spread"), spread)]
        flagged += [(Column(name, "share", cut), flag) for cut, flag in flags_at_quantiles(numbers[name], CUTS)]
    for name, words in pool.categories().items():
        for word in sorted({str(value) for value in words if value is not None}):
            flag = np.array([value is not None and str(value) == word for value in words], bool)
            flagged.append((Column(name, SHARE_OF + word), flag))
    flagged += [(Column(name, MISSING), np.isnan(values)) for name, values in pool.photos.numbers.items()]
    return score_columns(permutations, ranked, flagged, numbers)
