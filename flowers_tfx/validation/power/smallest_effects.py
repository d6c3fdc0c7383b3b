"""The smallest change of each property, of the class shares and of the content that this review would have found 9 times out of 10.

For this baseline, these numbers of photos, the same statistics and the same adjusted threshold. Found means by the tests of this feature
alone, at any level; a change that shows in several is found earlier. The hypothetical reviews are drawn from the baseline, not from the new
photos, with fixed seeds: equal reviews have equal power.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from flowers_tfx import features
from flowers_tfx.validation.findings.builder import FindingBuilder
from flowers_tfx.validation.permutation import Permutations
from flowers_tfx.validation.photo_pool import UNLABELLED
from flowers_tfx.validation.power.content_shifts import smallest_content_effect
from flowers_tfx.validation.power.hypothetical import CriticalValues
from flowers_tfx.validation.power.number_shifts import NumberShifts
from flowers_tfx.validation.power.share_shifts import smallest_category_effect, smallest_class_effect


def smallest_effects(builder: FindingBuilder, permutations: Permutations) -> dict[str, float | None]:
    """Feature to effect in points: image properties, `label` (class shares) and `embedding` (content), as far as they were compared. None:
    even the largest change would have been missed."""
    critical = {
        name: CriticalValues.of(builder.significance, name, view, builder.policy.alpha)
        for name, view in builder.views.items()
        if name in ("property", "label", "content")
    }
    effects = dict(_property_effects(builder, permutations, critical["property"].statistic)) if "property" in critical else {}
    if "label" in critical:
        classes = builder.pool.class_codes()
        labelled = np.flatnonzero(classes != UNLABELLED)
        is_new = builder.pool.is_new[labelled].astype(np.int64)
        effects[features.LABEL] = smallest_class_effect(classes[labelled], is_new, permutations.among(labelled), critical["label"])
    if "content" in critical:
        effects[features.EMBEDDING] = smallest_content_effect(permutations, critical["content"])
    return effects


def _property_effects(builder: FindingBuilder, permutations: Permutations, critical: float) -> Iterator[tuple[str, float | None]]:
    numbers, categories = builder.pool.numbers(), builder.pool.categories()
    old = ~builder.pool.is_new
    for prop in features.PROPERTIES:
        if prop.name in numbers:
            values = numbers[prop.name][old]
            finite = values[np.isfinite(values)]
            if len(np.unique(finite)) > 1:
                yield prop.name, NumberShifts.of_values(values, permutations, critical).smallest_effect()
            else:
                constant = [float(value) if np.isfinite(value) else None for value in values]
                yield prop.name, smallest_category_effect(constant, permutations, critical)
        elif prop.name in categories:
            words = [value for value, is_old in zip(categories[prop.name], old, strict=True) if is_old]
            yield prop.name, smallest_category_effect(words, permutations, critical)
