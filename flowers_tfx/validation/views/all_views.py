"""Computes every view for which the features exist."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from flowers_tfx.validation.permutation import Permutations
from flowers_tfx.validation.photo_pool import UNLABELLED, PhotoPool
from flowers_tfx.validation.subjects import EVERYTHING
from flowers_tfx.validation.views.column_scores import mid_ranks
from flowers_tfx.validation.views.consistency_view import consistency_view
from flowers_tfx.validation.views.content_view import content_view, read_content
from flowers_tfx.validation.views.joint_view import joint_view, outlyingness
from flowers_tfx.validation.views.label_view import label_view
from flowers_tfx.validation.views.property_view import property_view
from flowers_tfx.validation.views.tail_view import tail_view
from flowers_tfx.validation.views.view_result import Column, ViewResult


def compute_views(pool: PhotoPool, permutations: Permutations) -> dict[str, ViewResult]:
    """By name, all on the same permutations. A view does not know which photos are new but through these."""
    views: dict[str, ViewResult | None] = {}
    numbers, classes = pool.numbers(), pool.class_codes()
    ranks = {name: mid_ranks(values) for name, values in numbers.items()}
    ranks = {name: values for name, values in ranks.items() if np.ptp(values) > 0}
    views["property"] = property_view(pool, permutations, numbers, ranks)
    if ranks:
        views["joint"] = joint_view(permutations, ranks, classes)
    views["tail"] = tail_view(permutations, numbers, outlyingness(ranks) if ranks else None)
    if classes.max(initial=0) > 0:
        labelled = np.flatnonzero(classes != UNLABELLED)
        views["label"] = label_view(permutations.among(labelled), pool.photos.labels[labelled], classes[labelled])
    content = read_content(pool.photos, classes)
    if content is not None:
        views["content"] = content_view(permutations, content)
        views["consistency"] = consistency_view(permutations, content.of_labelled(), classes)
    usable = {name: view for name, view in views.items() if view is not None and view.columns}
    return {**usable, "omnibus": omnibus_view(usable.values())} if len(usable) > 1 else usable


def omnibus_view(views: Iterable[ViewResult]) -> ViewResult:
    """Do all views together show a change, though none of them is significant? Fisher's combination of their p-values (1932). The
    permutations calibrate it as the views stand together, so these need not be independent."""
    total = sum(-np.log(view.p_values) for view in views)
    return ViewResult(np.asarray(total)[:, None], (Column(EVERYTHING, "Fisher"),))
