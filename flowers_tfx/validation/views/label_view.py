"""Are the class shares different?"""

from __future__ import annotations

import numpy as np

from flowers_tfx.validation.permutation import Permutations
from flowers_tfx.validation.photo_pool import Codes
from flowers_tfx.validation.subjects import CLASS_SHARES
from flowers_tfx.validation.tables.photo_table import Words
from flowers_tfx.validation.views.column_scores import chi_squared, to_log_p_values
from flowers_tfx.validation.views.view_result import Column, ViewResult


def label_view(permutations: Permutations, labels: Words, classes: Codes) -> ViewResult:
    """Chi-squared over all classes, and the largest score of a single one. The columns behind the first name the classes. All photos of
    the permutations have labels."""
    names = np.unique(np.array([str(label) for label in labels]))
    flags = classes[:, None] == np.arange(len(names))[None]
    largest = np.abs(permutations.flag_scores(flags)).max(axis=1)
    statistics = np.stack([chi_squared(permutations, flags).sum(axis=1), largest], axis=1)
    columns = (Column(CLASS_SHARES, "chi2"), *(Column(CLASS_SHARES, str(name)) for name in names))
    return ViewResult(to_log_p_values(statistics), columns)
