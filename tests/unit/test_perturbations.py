"""Changes of one property of a picture, outlines of what stands out, and changes of the background."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from flowers_tfx.explain import effects, perturbations, transplants
from flowers_tfx.explain.background_changes import paste, without_thing
from flowers_tfx.explain.marks import MARKS
from flowers_tfx.explain.model_function import Pictures, Vectors
from flowers_tfx.explain.photo_set import Photo, PhotoSet
from flowers_tfx.explain.picture_measurement import MEASURABLE, measure_pictures
from flowers_tfx.explain.place_colours import typical_colour
from flowers_tfx.explain.property_curves import CURVES, Curve, measure_curve
from flowers_tfx.explain.salient_regions import salient_mask
from flowers_tfx.explain.selected_photos import select, spread_over_classes
from flowers_tfx.litert import PROBABILITIES

SIZE = 96


def disc(size: int = SIZE, radius: float = 0.25) -> tuple[Pictures, Any]:
    """A yellow disc before a cloudy green, and where it lies."""
    rows, columns = np.mgrid[:size, :size] / size - 0.5
    inside = rows**2 + columns**2 < radius**2
    noise = np.random.default_rng(0).normal(0, 8, (size, size, 1))
    picture = np.where(inside[..., np.newaxis], (230, 200, 40), (40, 110, 50)) + noise
    return np.clip(picture, 0, 255).astype(np.uint8), inside


@pytest.mark.parametrize("target", [40, 90, 170])
def test_brightness_and_contrast_are_those_asked_for(target: int) -> None:
    picture, _ = disc()

    assert measure_pictures([perturbations.with_brightness(picture, target)], "mean_luma")[0] == pytest.approx(target, abs=2)
    assert measure_pictures([perturbations.with_contrast(picture, target / 4)], "rms_contrast")[0] == pytest.approx(target / 4, abs=2)


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_a_curve_changes_pictures_of_any_size_and_kind(curve: Curve) -> None:
    for picture in (disc()[0], disc(33)[0], np.zeros((32, 32, 3), np.uint8), np.full((32, 32, 3), 255, np.uint8)):
        for value in curve.values:
            changed = curve.change(picture, value)
            assert (changed.shape, changed.dtype) == (picture.shape, np.uint8)
            assert np.array_equal(changed, curve.change(picture, value))
    assert any(not np.array_equal(curve.change(disc()[0], value), disc()[0]) for value in curve.values)


@pytest.mark.parametrize("name", ["sharpness", "noise", "saturation"])
def test_the_axis_is_the_property_itself(name: str) -> None:
    curve = next(one for one in CURVES if one.measured == name)
    picture, _ = disc()

    values = [measure_pictures([curve.change(picture, value)], name)[0] for value in curve.values]

    assert name in MEASURABLE
    assert values == sorted(values)
    assert values[-1] > values[0]


def test_a_curve_tells_where_the_answer_flips_and_to_what() -> None:
    """A model that answers "night" below a brightness of 90."""

    def answers(pictures: Any) -> Vectors:
        dark = np.asarray(pictures).mean(axis=(1, 2, 3)) < 90
        return {PROBABILITIES: np.stack([~dark, dark], axis=1).astype(np.float32)}

    grey = [np.full((32, 32, 3), level, np.uint8) for level in (140, 150, 160, 30)]
    photos = tuple(Photo("a.jpg", "0", (32, 32), {}) for _ in grey)
    photo_set = PhotoSet(("day", "night"), photos, np.stack(grey), np.array([0, 0, 0, 1]))
    brightness = next(one for one in CURVES if one.name == "brightness")

    curve = measure_curve(brightness, select(photo_set, range(4)), answers, answers(photo_set.pictures)[PROBABILITIES])

    assert curve["flip"]["below"] == {"photos": 3, "share": 0.75, "median": pytest.approx(80, abs=1), "to": {"night": 3}}
    assert curve["flip"]["above"]["to"] == {"day": 1}
    assert curve["flip"]["above"]["median"] == pytest.approx(100, abs=1)
    darkest, brightest = curve["points"][0], curve["points"][-1]
    assert (darkest["accuracy"], brightest["accuracy"]) == (0.25, 0.75)
    assert darkest["classes"]["night"]["pull"] == 1
    assert darkest["classes"]["night"]["drawn"] == 1


def test_the_outline_is_that_of_the_thing() -> None:
    picture, inside = disc()

    mask = salient_mask(picture)

    assert mask is not None
    assert (mask & inside).sum() / (mask | inside).sum() > 0.85


def test_nothing_stands_out_of_one_colour() -> None:
    assert salient_mask(np.full((SIZE, SIZE, 3), 120, np.uint8)) is None


def test_without_the_thing_only_colours_of_the_background_are_left() -> None:
    picture, inside = disc()

    removed = without_thing(picture, inside).astype(np.int64)

    assert (removed[..., 0] < 90).all()
    assert np.abs(removed[inside].mean(axis=0) - (40, 110, 50)).max() < 12
    assert np.array_equal(removed[:20], picture[:20])
    assert without_thing(picture, np.ones_like(inside)).std() < 80


def test_a_pasted_thing_lies_before_the_other_background() -> None:
    picture, inside = disc()
    blue = np.full_like(picture, (20, 20, 220))

    pasted = paste(picture, blue, inside)

    assert np.array_equal(pasted[SIZE // 2, SIZE // 2], picture[SIZE // 2, SIZE // 2])
    assert np.array_equal(pasted[0], blue[0])


def test_marks_and_frames_cover_what_they_say() -> None:
    picture, _ = disc()

    for mark in MARKS:
        changed = np.any(mark.put(picture) != picture, axis=2)
        rows, columns = np.nonzero(changed)
        if mark.box is None:
            assert not changed[SIZE // 4 : -SIZE // 4, SIZE // 4 : -SIZE // 4].any()
            assert changed[0].all()
        else:
            x0, y0, x1, y1 = (end * SIZE for end in mark.box)
            assert (columns.min(), columns.max() + 1, rows.min(), rows.max() + 1) == pytest.approx((x0, x1, y0, y1), abs=1)


def test_a_transplant_gives_only_its_place() -> None:
    recipient, donor = np.zeros((SIZE, SIZE, 3), np.uint8), np.full((SIZE, SIZE, 3), 200, np.uint8)

    corner = transplants.give_box(transplants.cell_box(0, 3))(recipient, donor)
    frame = transplants.give_frame(recipient, donor)

    assert corner[: SIZE // 4, 3 * SIZE // 4 :].min() == 200
    assert corner.sum() == 200 * 3 * (SIZE // 4) ** 2
    assert frame[0].min() == 200
    assert frame[SIZE // 2, SIZE // 2].max() == 0
    assert not recipient.any()


def test_donors_are_of_all_classes_and_never_the_photo_itself() -> None:
    truth = np.repeat([0, 1, 2], 4)
    photo_set = PhotoSet(("a", "b", "c"), tuple(Photo("", "", (8, 8), {}) for _ in truth), np.zeros((12, 8, 8, 3), np.uint8), truth)

    pairs = transplants.choose_pairs(photo_set)

    assert (pairs.recipients != pairs.donors).all()
    assert {(recipient, label) for recipient in range(12) for label in range(3)} == set(
        zip(pairs.recipients.tolist(), pairs.classes.tolist(), strict=True)
    )
    assert (truth[pairs.donors] == pairs.classes).all()


def test_a_selection_takes_classes_in_turn() -> None:
    truth = np.array([0] * 10 + [1] * 2 + [2] * 5)
    photo_set = PhotoSet(("a", "b", "c"), tuple(Photo("", "", (8, 8), {}) for _ in truth), np.zeros((17, 8, 8, 3), np.uint8), truth)

    assert np.bincount(spread_over_classes(photo_set, 8).photo_set.truth).tolist() == [3, 2, 3]
    assert len(spread_over_classes(photo_set, 100).indices) == 17


def test_intervals_widen_with_few_photos_and_repeated_sources() -> None:
    values = np.array([0.1, 0.3] * 8)
    alone = effects.mean(values, "x")["x_interval"]
    grouped = effects.mean(values, "x", np.array([0, 1] * 8))["x_interval"]

    assert effects.mean(values[:1], "x") == {"x": 0.1, "x_interval": None}
    assert alone == [pytest.approx(0.145, abs=0.002), pytest.approx(0.255, abs=0.002)]
    assert grouped[1] - grouped[0] > 10 * (alone[1] - alone[0])


def test_the_typical_colour_of_a_place_is_what_sets_a_class_apart() -> None:
    pictures = np.zeros((8, SIZE, SIZE, 3), np.uint8)
    pictures[:4, :12, -12:] = (20, 40, 230)
    pictures[4, :12, -12:] = (20, 40, 230)
    truth = np.repeat([0, 1], 4)
    photo_set = PhotoSet(("a", "b"), tuple(Photo("", "", (8, 8), {}) for _ in truth), pictures, truth)

    box = transplants.cell_box(0, 3)

    assert typical_colour(photo_set, box, 0) == {"name": "blue", "class_share": 1.0, "other_share": 0.25}
    assert typical_colour(select(photo_set, range(4)).photo_set, box, 0) is None
