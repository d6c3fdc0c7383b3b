"""What a review could not have seen: the smallest effects that it would have found 9 times out of 10."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from flowers_tfx import features
from flowers_tfx.review.power_words import is_too_few, power_sentence
from flowers_tfx.texts import texts_of
from flowers_tfx.validation import Policy, Review, compare
from tests.unit.tables import table

QUICK = Policy(permutations=1500)


def without_content(photos: int, seed: int) -> pd.DataFrame:
    return table(photos, seed).drop(columns="embedding")


def power_of(photos: int, **changed: object) -> dict[str, float | None]:
    new = without_content(photos, 2).assign(**changed)
    return dict(compare(without_content(300, 1), new, QUICK, with_power=True).power)


@pytest.fixture(scope="module")
def review() -> Review:
    return compare(table(200, 1), table(60, 2), QUICK, with_power=True)


def test_every_tested_property_class_shares_and_content_have_one(review: Review) -> None:
    tested = {prop.name for prop in features.PROPERTIES if prop.tested}
    assert set(review.power) == tested | {features.LABEL, features.EMBEDDING}
    stored = Review.from_json(review.as_json()).power
    assert all(stored[name] == (effect if effect is None else pytest.approx(effect, rel=1e-4)) for name, effect in review.power.items())
    for name, effect in review.power.items():
        # No photo of the tables has a month or an orientation: no change of their values can be seen.
        assert (effect is None) == (name in ("exif_orientation", "capture_month")), name
        assert effect is None or 5 < effect < 60


def test_it_is_the_same_again_and_only_on_request(review: Review) -> None:
    assert compare(table(200, 1), table(60, 2), QUICK, with_power=True).power == review.power
    assert compare(without_content(60, 1), without_content(40, 2), QUICK).power == {}


def test_fewer_photos_see_less_and_very_few_nothing() -> None:
    many, few, three = power_of(250), power_of(40), power_of(3)
    for name in ("mean_luma", "jpeg_quality", "grayscale", features.LABEL):
        assert (many[name] or 0) < 0.7 * (few[name] or 0)
    assert three["mean_luma"] is None and three[features.LABEL] is None
    assert is_too_few(three) and not is_too_few(many) and not is_too_few({})


def test_labels_that_were_not_compared_have_none() -> None:
    new = without_content(60, 2).drop(columns="label")
    power = compare(without_content(300, 1), new, QUICK, labelled=False, with_power=True).power
    assert features.LABEL not in power and "mean_luma" in power


def found_of(effect: float, repeats: int) -> int:
    """Reviews with a finding on the sharpness, when every value moves so far that the distribution changes by `effect` points."""
    moved = 2 * 0.4 * stats.norm.ppf(0.5 + effect / 200)
    found = 0
    for seed in range(repeats):
        new = without_content(60, 100 + seed)
        review = compare(without_content(200, 200 + seed), new.assign(sharpness=new.sharpness + moved), QUICK, seed=seed)
        found += any(finding.id == "property:sharpness" for finding in review.findings)
    return found


def test_a_change_of_the_stated_size_is_found_and_half_of_it_is_not() -> None:
    stated = compare(without_content(200, 1), without_content(60, 2), QUICK, with_power=True).power["sharpness"]
    assert stated is not None
    assert found_of(stated, 16) >= 11  # of 16 at 90 %: fewer in 1 of 600 draws
    assert found_of(stated / 2, 10) <= 6


def test_the_sentence_rounds_up_and_names_what_cannot_be_seen() -> None:
    power = {"mean_luma": 7.2, "sharpness": 8.0, "noise": 11.4, features.LABEL: 14.0, "capture_month": None}
    assert power_sentence(power) == (
        "Could have missed: brightness under 8 points, class shares under 14 points, other properties under 8 to 12 "
        "points. Larger changes are found 9 times out of 10. Could have missed a change of any size: month of capture."
    )
    assert "Anteile der Klassen unter 14 Punkten" in power_sentence(power, texts_of("de"))
    assert power_sentence({}) == ""


def test_few_photos_say_little_also_where_some_properties_cannot_be_seen() -> None:
    names = [prop.name for prop in features.PROPERTIES if prop.tested]
    assert is_too_few(dict.fromkeys(names, None))
    assert is_too_few({**dict.fromkeys(names, 50.0), "mean_luma": 3.0})
    assert not is_too_few({**dict.fromkeys(names, np.float64(20.0)), "capture_month": None})
