"""New photos some of which have no label: a finding says so, and tests of labels are on the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import cross_val_score
from sklearn.tree import DecisionTreeClassifier

from flowers_tfx.validation import Policy, Review, compare
from flowers_tfx.validation.groups.columns import PhotoColumns
from flowers_tfx.validation.groups.doubtful_labels import doubtful_sets
from flowers_tfx.validation.permutation import Permutations
from flowers_tfx.validation.photo_pool import pool_photos
from flowers_tfx.validation.suspects import label_suspects
from flowers_tfx.validation.tables.reading import read_tables
from flowers_tfx.validation.views.all_views import compute_views
from flowers_tfx.validation.views.view_result import Column
from tests.unit.tables import LABELS, table

QUICK = Policy(permutations=1500)
OLD, NEW = table(200, 1, 8), table(120, 2, 8)


def without(frame: pd.DataFrame, rows: slice, missing: object = None) -> pd.DataFrame:
    labels = frame["label"].astype(object).copy()
    labels.iloc[rows] = missing
    return frame.assign(label=labels)


def swapped(frame: pd.DataFrame, rows: slice) -> pd.DataFrame:
    labels = frame["label"].astype(object).copy()
    labels.iloc[rows] = [LABELS[(LABELS.index(label) + 1) % 3] for label in labels.iloc[rows]]
    return frame.assign(label=labels)


def of_labels(review: Review) -> list[str]:
    return [finding.id for finding in review.findings if finding.kind == "label"]


@pytest.mark.parametrize(("count", "missing"), [(6, None), (40, float("nan")), (40, "")])
def test_missing_labels_are_not_a_class(count: int, missing: object) -> None:
    review = compare(OLD, without(NEW, slice(count), missing), QUICK, with_power=count == 6)
    [finding] = [finding for finding in review.findings if finding.level != "note"]
    assert finding.id == "schema:unlabelled:new"
    assert finding.effect == pytest.approx(100 * count / len(NEW))
    assert of_labels(review) == []
    assert count != 6 or review.power["label"] is not None


def test_missing_labels_of_the_baseline_are_not_a_class_that_has_gone() -> None:
    assert of_labels(compare(without(OLD, slice(100)), NEW, QUICK)) == []


def test_labels_that_do_not_fit_are_found_among_the_others() -> None:
    review = compare(OLD, swapped(without(NEW, slice(40)), slice(40, 60)), QUICK)
    [finding] = [finding for finding in review.findings if finding.id == "label:consistency"]
    assert finding.examples and all(example.label for example in finding.examples)
    assert finding.effect == pytest.approx(100 * 20 / 80, abs=5), "a share of the photos with a label"


def test_the_label_tests_are_those_of_the_photos_with_labels_alone() -> None:
    """The draws differ, so the p-values are only near."""
    new = swapped(NEW, slice(100, 103))
    tables = [read_tables(OLD, side) for side in (without(new, slice(40)), new.iloc[40:])]
    pools = [pool_photos(sides.baseline, sides.new) for sides in tables]
    views = [compute_views(pool, Permutations(pool.is_new, 1500, 0)) for pool in pools]
    for name in ("label", "consistency"):
        partly, alone = (view[name] for view in views)
        assert [(column.method, column.cut) for column in partly.columns] == approximately(alone.columns)
        assert partly.p_values[0] == pytest.approx(alone.p_values[0], abs=0.06)
    assert np.allclose(views[0]["consistency"].statistics[0], views[1]["consistency"].statistics[0], atol=1e-4)


def approximately(columns: Sequence[Column]) -> list[tuple[str, object]]:
    return [(column.method, pytest.approx(column.cut, abs=1e-4, nan_ok=True)) for column in columns]


def test_photos_without_labels_are_in_no_set_of_doubtful_ones() -> None:
    sides = read_tables(OLD, swapped(without(NEW, slice(40)), slice(40, 60)))
    pool = pool_photos(sides.baseline, sides.new)
    [found] = doubtful_sets(pool, (1.0,))
    assert len(found) == pytest.approx(20, abs=4)
    assert all(label is not None for label in pool.photos.labels[found])


@pytest.mark.parametrize("content", [True, False])
def test_no_column_of_groups_tells_which_photos_lack_a_label(content: bool) -> None:
    sides = read_tables(*(side if content else side.drop(columns="embedding") for side in (OLD, without(NEW, slice(40)))))
    pool = pool_photos(sides.baseline, sides.new)
    columns = PhotoColumns(pool).of(pool.photos)
    missing = np.array([label is None for label in pool.photos.labels])
    tree = cross_val_score(DecisionTreeClassifier(random_state=0), columns[pool.is_new], missing[pool.is_new], cv=5)
    assert tree.mean() < 0.8, "chance is 0.67"


def test_the_audit_looks_at_the_photos_with_labels_alone() -> None:
    frame = swapped(OLD, slice(40, 44))
    expected = label_suspects(frame.iloc[40:])
    assert expected
    for missing in (None, float("nan"), ""):
        assert label_suspects(without(frame, slice(40), missing)) == expected
