"""Are a few photos extreme? Exact counts in the tails of each property, and of the distance of a photo to all others."""

from __future__ import annotations

from collections.abc import Mapping

from flowers_tfx.validation.permutation import Floats, Permutations
from flowers_tfx.validation.subjects import OUTLYING_PHOTOS
from flowers_tfx.validation.views.column_scores import Flags, flags_at_quantiles, score_columns
from flowers_tfx.validation.views.view_result import Column, ViewResult

TAILS = (0.005, 0.01, 0.02, 0.035, 0.05)


def tail_view(permutations: Permutations, numbers: Mapping[str, Floats], outlyingness: Floats | None) -> ViewResult:
    """`numbers`: property to values, [photos]; `outlyingness` [photos]: how far each lies from the others by all properties together."""
    values = {**numbers, **({OUTLYING_PHOTOS: outlyingness} if outlyingness is not None else {})}
    flagged: list[tuple[Column, Flags]] = []
    for name, column in values.items():
        if name != OUTLYING_PHOTOS:
            flagged += [(Column(name, "tail", cut, upper=False), flag) for cut, flag in flags_at_quantiles(column, TAILS)]
        flagged += [(Column(name, "tail", -cut, upper=True), flag) for cut, flag in flags_at_quantiles(-column, TAILS)]
    return score_columns(permutations, [], flagged, values)
