"""New photos whose labels fit their content least: the ranking of the finding on labels that contradict the photos."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from flowers_tfx.validation.photo_pool import PhotoPool
from flowers_tfx.validation.views.consistency_view import label_margins
from flowers_tfx.validation.views.content_view import read_content

FINDING = "label:consistency"


def doubtful_sets(pool: PhotoPool, growth: tuple[float, ...]) -> Iterator[npt.NDArray[np.int64]]:
    """Rows of the pool: as many as have a label that another class beats, beyond the share of the baseline, and larger sets."""
    classes = pool.class_codes()
    content = read_content(pool.photos, classes)
    if content is None or content.classes.max() < 1:
        return
    content = content.of_labelled()
    margins = label_margins(content.gram, content.classes, int(content.classes.max()) + 1)
    is_new = pool.is_new[content.rows]
    if is_new.all() or not is_new.any():
        return
    excess = float((margins[is_new] < 0).mean() - (margins[~is_new] < 0).mean()) * int(is_new.sum())
    order = np.argsort(margins, kind="stable")
    order = content.rows[order[is_new[order]]]
    for factor in growth:
        yield order[: round(max(excess, 0.0) * factor)]
