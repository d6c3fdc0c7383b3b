"""Groups of new photos that make the difference, and the story of a review."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
import pytest

from flowers_tfx.review.comparison import compare_sides
from flowers_tfx.review.sides import Side
from flowers_tfx.validation import Policy, Review, compare
from flowers_tfx.validation.groups import GroupedPhotos, find_groups
from flowers_tfx.validation.groups.group import PhotoGroup
from flowers_tfx.validation.groups.ranking import stands_apart
from flowers_tfx.validation.groups.rules import PhotoValues, find_rule
from flowers_tfx.validation.known_drift import downgrade_known_drift
from flowers_tfx.validation.model_answers import ModelAnswers
from tests.unit.tables import table

POLICY = Policy(permutations=1500)
BASELINE = table(200, 1)
PLANTED = 30


def other_export(rows: pd.DataFrame) -> pd.DataFrame:
    quality = pd.array([75] * len(rows), dtype="Int64")
    return rows.assign(width_px=256, height_px=256, aspect_ratio=1.0, jpeg_quality=quality, bits_per_pixel=rows.bits_per_pixel / 2)


def mixed(changed: pd.DataFrame, photos: int = 150) -> pd.DataFrame:
    """New photos without drift, and some that have changed."""
    return pd.concat([changed, table(photos - len(changed), 2)], ignore_index=True)


def grouped(new: pd.DataFrame, answers: ModelAnswers | None = None, baseline: pd.DataFrame = BASELINE) -> tuple[Review, GroupedPhotos]:
    review = compare(baseline, new, POLICY)

    def check(digests: Collection[str]) -> Review:
        return compare(baseline, new[~new.digest.isin(list(digests))], POLICY)

    return review, find_groups(baseline, new, review, check, answers=answers)


CHANGED = other_export(table(PLANTED, 3))
NEW = mixed(CHANGED)
ANSWERS = ModelAnswers(
    pd.DataFrame({"digest": NEW.digest, "predicted": "roses", "probability": 0.9, "known": True}), ("daisy", "roses", "tulips"), "7"
)


@pytest.fixture(scope="module")
def another_export() -> tuple[Review, GroupedPhotos]:
    return grouped(NEW, ANSWERS)


def test_photos_of_another_export_are_one_group_in_words(another_export: tuple[Review, GroupedPhotos]) -> None:
    review, result = another_export
    assert review.verdict != "pass"
    (group,) = result.groups
    assert set(group.photos) == set(CHANGED.digest)
    assert group.words == "30 photos: 256 x 256 px, JPEG quality 75"
    assert group.verdict_without == "pass"
    open_ids = {finding.id for finding in review.findings if finding.level != "note"}
    assert open_ids == set(group.findings)
    assert group.accuracy == pytest.approx((CHANGED.label == "roses").mean())
    assert result.story is not None
    assert result.story.startswith("30 of 150 new photos are ")
    assert "square" in result.story
    assert "harder compressed" in result.story
    assert result.story.endswith(": another export.")


def test_equal_photos_give_equal_groups_in_any_order(another_export: tuple[Review, GroupedPhotos]) -> None:
    _, first = another_export
    _, again = grouped(NEW.iloc[::-1], ANSWERS)
    assert first == again


def test_an_id_names_the_photos() -> None:
    one, same, other = (PhotoGroup(photos, ("black and white",)) for photos in (("a", "b"), ("a", "b"), ("a", "c")))
    assert one.id == same.id != other.id


def test_without_drift_nothing_is_searched() -> None:
    new = table(200, 2)
    review = compare(BASELINE, new, POLICY)
    assert review.verdict == "pass"

    def check(_: Collection[str]) -> Review:
        raise AssertionError("searched")

    assert find_groups(BASELINE, new, review, check) == GroupedPhotos()


def test_a_change_of_all_photos_is_no_group_but_a_story() -> None:
    new = table(200, 2)
    _, result = grouped(new.assign(mean_luma=new.mean_luma * 0.7, rms_contrast=new.rms_contrast * 0.7))
    assert result.groups == ()
    assert result.story == "The new photos as a whole are darker and lower in contrast: other light or exposure."


def test_a_new_class_is_a_group() -> None:
    _, result = grouped(mixed(table(PLANTED, 3).assign(label="orchids")))
    assert set(result.groups[0].photos) == set(table(PLANTED, 3).digest)
    assert result.groups[0].words.startswith("30 photos: label orchids")
    assert result.groups[-1].verdict_without == "pass"


def test_labels_that_contradict_the_photos_are_a_group() -> None:
    planted = table(PLANTED, 3)
    wrong = planted.assign(label=planted.label.map({"daisy": "roses", "roses": "tulips", "tulips": "daisy"}))
    wrong.loc[wrong.index[:2], "embedding"] = None
    _, result = grouped(mixed(wrong))
    (group,) = result.groups
    assert len(set(group.photos) & set(planted.digest)) >= 0.8 * PLANTED
    assert len(set(group.photos) - set(planted.digest)) <= 0.1 * PLANTED
    assert group.findings == ("label:consistency",)
    assert group.words.endswith(" photos: with labels that do not fit what they show")


def test_copies_are_a_group() -> None:
    copies = BASELINE.iloc[:PLANTED].assign(uri=[f"again-{row}.jpg" for row in range(PLANTED)])
    _, result = grouped(mixed(copies))
    assert result.groups[0].words == "30 photos: copies of earlier photos"
    assert set(result.groups[0].photos) == set(copies.digest)
    assert result.groups[0].findings == ("duplicate:exact:before",)


def test_two_sources_are_two_groups() -> None:
    gray = table(PLANTED, 4).assign(grayscale=1, saturation=0.0, colorfulness=0.0)
    _, result = grouped(mixed(pd.concat([CHANGED, gray])))
    groups = {group.parts[0]: set(group.photos) for group in result.groups}
    assert groups["256 x 256 px"] == set(CHANGED.digest)
    # A few other photos are black and white, too.
    assert set(gray.digest) <= groups["black and white"]
    assert len(groups["black and white"]) < PLANTED + 5
    assert result.groups[-1].verdict_without == "pass"


def test_a_cluster_of_contents_is_a_group() -> None:
    changed = table(PLANTED, 3)
    changed["embedding"] = [np.asarray(vector) + np.r_[np.zeros(12), np.full(4, 5.0)].astype(np.float32) for vector in changed.embedding]
    _, result = grouped(mixed(changed))
    own = set(result.groups[0].photos)
    assert len(own & set(changed.digest)) >= 0.9 * PLANTED
    assert len(own - set(changed.digest)) <= 0.1 * PLANTED
    assert "content" in result.groups[0].words


def test_photos_without_digests_cannot_be_named() -> None:
    review = compare(BASELINE, NEW.drop(columns="digest"), POLICY)
    assert find_groups(BASELINE, NEW.drop(columns="digest"), review, lambda _: review) == GroupedPhotos()


def test_a_comparison_has_groups_and_a_story() -> None:
    review = compare_sides(Side("old", BASELINE), Side("new", NEW), POLICY).review
    values = review.as_json()
    assert [group["words"] for group in values["groups"]] == ["30 photos: 256 x 256 px, JPEG quality 75"]
    assert set(values["groups"][0]) >= {"id", "words", "photos", "findings", "accuracy"}
    assert values["groups"][0]["accuracy"] is None
    assert values["story"]
    assert Review.from_json(values).groups == review.groups


def test_a_large_delivery_is_checked_on_the_sample_that_its_tests_use() -> None:
    policy = Policy(permutations=1500, sample=150)
    new = mixed(other_export(table(60, 3)), 400)
    review = compare_sides(Side("old", BASELINE), Side("new", new), policy).review
    assert set(review.groups[0]["photos"]) == set(table(60, 3).digest)
    assert review.groups[-1]["verdict_without"] == "pass"


def test_photos_like_those_of_a_known_span_have_no_groups() -> None:
    spans = pd.concat([table(300, 1).assign(span=1), other_export(table(100, 5)).assign(span=2)], ignore_index=True)
    new = other_export(table(100, 6))
    review = compare_sides(Side("old", spans), Side("new", new), POLICY).review
    assert review.verdict != "pass"
    known = downgrade_known_drift(review, spans, new, POLICY)
    assert known.verdict == "pass"
    assert (known.groups, known.story) == ((), None)


def test_a_rule_holds_for_photos_that_a_ranking_missed() -> None:
    random = np.random.default_rng(0)
    heights, ratios = random.uniform(150, 500, 500), random.uniform(0.6, 1.6, 500)
    is_wide, is_low = np.arange(200) < 40, np.arange(200) < 28
    new_heights = np.where(is_low, random.uniform(90, 140, 200), heights[:200])
    new = PhotoValues({"height_px": new_heights, "aspect_ratio": np.where(is_wide, random.uniform(1.77, 1.79, 200), ratios[:200])}, {})
    rule = find_rule(PhotoValues({"height_px": heights, "aspect_ratio": ratios}, {}), new, is_low)
    assert rule is not None
    assert (rule.holds(new) == is_wide).all()


@pytest.mark.parametrize(("shift", "expected"), [(0.0, False), (4.0, True)])
def test_a_group_stands_apart_in_photos_that_its_ranking_did_not_learn_from(shift: float, expected: bool) -> None:
    columns, is_new = np.random.default_rng(1).normal(size=(400, 6)), np.arange(400) >= 220
    columns[-40:] += shift
    assert stands_apart(columns, is_new, seed=0) is expected
