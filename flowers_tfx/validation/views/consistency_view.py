"""Do labels contradict what the photos look like?"""

from __future__ import annotations

import numpy as np

from flowers_tfx.validation.permutation import Floats, Permutations
from flowers_tfx.validation.photo_pool import UNLABELLED, Codes
from flowers_tfx.validation.subjects import LABEL_CONSISTENCY
from flowers_tfx.validation.views.column_scores import flags_at_quantiles, legendre, mid_ranks, score_columns
from flowers_tfx.validation.views.content_view import Content
from flowers_tfx.validation.views.view_result import Column, ViewResult

DOUBTFUL_SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3)


def consistency_view(permutations: Permutations, content: Content, labels: Codes) -> ViewResult | None:
    """One-sided: labels that contradict the pictures less than before are no reason for alarm. None if the classes are too small.

    `content` is that of photos with labels, `labels` are the codes of all photos."""
    classes = int(content.classes.max(initial=0)) + 1
    if not 1 < classes <= len(content.classes) // 5:
        return None
    margins = np.full(permutations.photos, np.nan)
    # The same photo twice must tie: else the last digits of the linear algebra decide which one ranks first.
    margins[content.rows] = np.round(label_margins(content.gram, content.classes, classes), 9)
    labelled = np.flatnonzero(labels != UNLABELLED)
    tested = margins[labelled]
    flagged = [(Column(LABEL_CONSISTENCY, "share", cut), flag) for cut, flag in flags_at_quantiles(tested, DOUBTFUL_SHARES)]
    with np.errstate(invalid="ignore"):
        flagged.append((Column(LABEL_CONSISTENCY, "share", float(np.nextafter(0, -1))), tested < 0))
    location = -legendre(mid_ranks(tested))[0]
    return score_columns(
        permutations.among(labelled),
        [(Column(LABEL_CONSISTENCY, "location"), location)],
        flagged,
        {LABEL_CONSISTENCY: margins},
        one_sided=True,
    )


def label_margins(gram: Floats, labels: Codes, classes: int) -> Floats:
    """By how much the given label beats every other, for each photo, as seen by a classifier that did not see this photo.

    Kernel ridge regression on one-hot labels; leaving one out costs nothing more: its residual is r_i / (1 - h_ii) (Stone 1974).
    """
    one_hot = np.eye(classes)[labels]
    means = one_hot.mean(axis=0)
    values, vectors = np.linalg.eigh(gram)
    values = np.maximum(values, 0.0)
    least, predicted = np.inf, one_hot
    for share in (0.1, 0.5, 2.0):
        shrink = values / (values + share * values.sum() / len(values))
        hat = (vectors * shrink) @ vectors.T + 1 / len(labels)
        residuals = (one_hot - means - hat @ (one_hot - means)) / np.maximum(1 - np.diag(hat), 1e-6)[:, None]
        error = float((residuals**2).mean())
        if error < least:
            least, predicted = error, one_hot - residuals
    return margins_of(predicted, labels)


def margins_of(predicted: Floats, given: Codes) -> Floats:
    """By how much the score of the given class beats every other. `predicted`: [photos, classes]."""
    rows = np.arange(len(given))
    others = predicted.copy()
    others[rows, given] = -np.inf
    margins: Floats = predicted[rows, given] - others.max(axis=1)
    return margins
