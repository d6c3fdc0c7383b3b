"""Concepts of a class: found, placed and named as they were drawn, for a model whose answers are known by construction."""

from __future__ import annotations

import numpy as np
import pytest

from flowers_tfx.explain.colour_names import NAMES, colour_shares, name_colours
from flowers_tfx.explain.concept_factors import Concepts, evidence_for, probability_falls
from flowers_tfx.explain.concept_words import suspicion
from flowers_tfx.explain.concepts import find_concepts
from flowers_tfx.explain.crops import crop, crop_boxes, crop_features
from flowers_tfx.explain.model_function import Floats, Head, Pictures, Vectors
from flowers_tfx.explain.photo_set import Photo, PhotoSet
from flowers_tfx.litert import FEATURES, PROBABILITIES

SIZE = 48
GREEN, YELLOW, WHITE, MAGENTA, BLUE = (40, 140, 40), (240, 220, 30), (245, 245, 245), (230, 20, 190), (40, 70, 220)


def draw(flower: tuple[int, int, int], background: tuple[int, int, int], mark: tuple[int, int, int] | None, shift: int) -> Pictures:
    picture = np.empty((SIZE, SIZE, 3), np.uint8)
    picture[:] = background
    picture[disc(shift)] = flower
    if mark:
        picture[-10:-1, -10:-1] = mark
    return picture


def disc(shift: int) -> np.ndarray:
    y, x = np.mgrid[:SIZE, :SIZE]
    return (x - SIZE / 2 - shift) ** 2 + (y - SIZE / 2) ** 2 < 10**2


def features_of(pictures: Pictures) -> Floats:
    """One feature for each colour: its share of the picture."""
    return np.array([colour_shares(picture) for picture in pictures], np.float32).reshape(len(pictures), len(NAMES))


def answers(pictures: Pictures) -> Vectors:
    features = features_of(np.asarray(pictures))
    return {FEATURES: features, PROBABILITIES: np.full((len(features), 2), 0.5, np.float32)}


def head_for(*weights: dict[str, float]) -> Head:
    """A class for each mapping from colours to weights."""
    matrix = np.zeros((len(NAMES), len(weights)), np.float32)
    for column, by_name in enumerate(weights):
        for name, weight in by_name.items():
            matrix[NAMES.index(name), column] = weight
    return Head(matrix, np.zeros(len(weights), np.float32))


def photo_set(pictures: list[Pictures], truth: list[int], classes: int = 2) -> PhotoSet:
    photos = tuple(Photo(f"{number}.jpg", str(number), (SIZE, SIZE), {}) for number in range(len(pictures)))
    labels = tuple(f"class {number}" for number in range(classes))
    stacked = np.stack(pictures) if pictures else np.zeros((0, SIZE, SIZE, 3), np.uint8)
    return PhotoSet(labels, photos, stacked, np.array(truth, np.int64))


def marked_photos(each: int = 8) -> tuple[PhotoSet, list[np.ndarray]]:
    """Class 0: yellow flowers with a magenta mark in the corner; class 1: white ones without."""
    shifts = [number % 3 - 1 for number in range(each)]
    pictures = [draw(YELLOW, GREEN, MAGENTA, s) for s in shifts] + [draw(WHITE, GREEN, None, s) for s in shifts]
    return photo_set(pictures, [0] * each + [1] * each), [disc(s) for s in shifts] * 2


def analyse(photos: PhotoSet, head: Head, masks: list[np.ndarray] | None = None):  # type: ignore[no-untyped-def]
    return find_concepts(photos, answers, answers(photos.pictures), head, masks, lambda done, total: None)


MARK_READER = head_for({"magenta": 60.0, "yellow": 4.0}, {"white": 12.0})


def test_the_mark_that_a_model_reads_is_the_first_concept_and_is_named_and_placed():
    photos, masks = marked_photos()
    concepts = analyse(photos, MARK_READER, masks).concepts["class 0"]
    first = concepts[0]
    assert first["suspicious"] == (
        "Mostly in the bottom right corner, in 100 % of the class's photos and in 0 % of the others: "
        "rather a mark, a frame or a background than the flower."
    )
    assert first["words"].startswith("magenta") and first["words"].endswith("background, in the bottom right corner")
    assert first["present_in"] == 1.0 and first["present_in_others"] == 0.0 and first["inside"] < 0.25
    assert first["position"]["x"] > 0.7 and first["position"]["y"] > 0.7
    assert {example["photo"] for example in first["crops"]} <= set(range(8)) and len(first["crops"]) == 6
    for example in first["crops"]:
        assert example["box"][2:] == [1.0, 1.0]


def test_a_mark_that_the_model_does_not_read_is_no_concept():
    photos, masks = marked_photos()
    concepts = analyse(photos, head_for({"yellow": 20.0}, {"white": 12.0}), masks).concepts["class 0"]
    assert concepts and all("magenta" not in row["words"] for row in concepts)
    assert all(row["suspicious"] is None for row in concepts)
    assert concepts[0]["words"].startswith("yellow") and "on the flower" in concepts[0]["words"]


def test_shares_and_importances_are_those_of_the_last_layer():
    photos, _ = marked_photos()
    result = analyse(photos, MARK_READER)
    rows, quality = result.concepts["class 0"], result.quality["class 0"]
    assert sum(row["share"] for row in rows) == pytest.approx(quality["evidence"], abs=0.03) == pytest.approx(1, abs=0.05)
    whole = evidence_for(0, features_of(photos.pictures[:8]), MARK_READER)
    magenta = whole[:, NAMES.index("magenta")].sum() / whole.sum()
    assert rows[0]["share"] == pytest.approx(magenta, abs=0.05)
    assert quality["removal"] > 2 * quality["random_removal"]
    assert quality["stability"] > quality["chance"]


def test_the_same_photos_give_the_same_concepts():
    photos, masks = marked_photos()
    assert analyse(photos, MARK_READER, masks) == analyse(photos, MARK_READER, masks)


def test_features_may_be_negative():
    photos, masks = marked_photos()

    def shifted(pictures: Pictures) -> Vectors:
        vectors = answers(pictures)
        return vectors | {FEATURES: vectors[FEATURES] - 0.01}

    result = find_concepts(photos, shifted, shifted(photos.pictures), MARK_READER, masks, lambda done, total: None)
    assert "magenta" in result.concepts["class 0"][0]["words"]


@pytest.mark.parametrize("own", [0, 1, 2, 3])
def test_classes_with_few_photos(own):
    photos = photo_set([draw(YELLOW, GREEN, MAGENTA, 0)] * own + [draw(WHITE, GREEN, None, 0)] * 4, [0] * own + [1] * 4)
    result = analyse(photos, MARK_READER)
    assert len(result.concepts["class 0"]) == min(own, 1)
    assert (result.quality["class 0"] is None) == (own == 0)
    assert result.concepts["class 1"]


def test_without_photos_there_are_no_concepts():
    result = analyse(photo_set([], []), MARK_READER)
    assert result.concepts == {"class 0": [], "class 1": []} and set(result.quality.values()) == {None}


def test_without_evidence_there_are_no_concepts():
    photos, masks = marked_photos()
    for head in (head_for({}, {}), head_for({"magenta": -1.0}, {"magenta": 1.0})):
        assert analyse(photos, head, masks).concepts["class 0"] == []


def test_pictures_of_one_colour_have_one_concept():
    blue = [np.full((SIZE, SIZE, 3), BLUE, np.uint8)] * 6
    rows = analyse(photo_set(blue, [0] * 6), head_for({"blue": 3.0}, {"red": 1.0})).concepts["class 0"]
    assert len(rows) == 1 and rows[0]["share"] == pytest.approx(1, abs=0.01) and rows[0]["present_in_others"] is None


def test_many_classes():
    classes = 50
    pictures = [draw(YELLOW, GREEN, MAGENTA, number % 3) for number in range(2 * classes)]
    masks = [disc(number % 3) for number in range(2 * classes)]
    head = Head(np.random.default_rng(0).normal(size=(len(NAMES), classes)).astype(np.float32), np.zeros(classes, np.float32))
    result = analyse(photo_set(pictures, [number // 2 for number in range(2 * classes)], classes), head, masks)
    assert len(result.concepts) == classes and all(len(rows) <= 1 for rows in result.concepts.values())


def test_a_concept_counts_as_present_only_in_the_photos_that_have_it():
    pictures = [draw(YELLOW, GREEN, MAGENTA if number % 4 == 0 else None, number % 3 - 1) for number in range(12)]
    rows = analyse(photo_set([*pictures, *[draw(WHITE, GREEN, None, 0)] * 4], [0] * 12 + [1] * 4), MARK_READER).concepts["class 0"]
    (mark,) = (row for row in rows if row["words"].startswith("magenta"))
    assert mark["present_in"] == 0.25


def test_a_suspicious_concept_comes_first_however_small_its_share():
    photos, masks = marked_photos()
    concepts = analyse(photos, head_for({"magenta": 9.0, "yellow": 20.0}, {"white": 12.0}), masks).concepts["class 0"]
    assert concepts[0]["words"].startswith("magenta") and concepts[0]["share"] < concepts[1]["share"]
    assert [row["suspicious"] is None for row in concepts] == [False] + [True] * (len(concepts) - 1)


@pytest.mark.parametrize(
    ("place", "inside", "in_own", "in_others", "suspicious"),
    [
        ("in the top left corner", 0.9, 0.8, 0.02, True),
        ("at the bottom", None, 0.5, 0.1, True),
        (None, 0.1, 0.8, 0.02, True),
        (None, 0.5, 0.8, 0.02, False),
        (None, None, 0.8, 0.02, False),
        ("in the middle", 0.9, 0.8, 0.02, False),
        ("in the top left corner", 0.1, 0.8, 0.2, False),
        ("in the top left corner", 0.1, 0.3, 0.0, False),
        ("in the top left corner", 0.1, 1.0, None, False),
    ],
)
def test_what_makes_a_concept_suspicious(place, inside, in_own, in_others, suspicious):
    assert (suspicion(place, inside, in_own, in_others) is not None) == suspicious


def test_crops_cover_every_part_of_a_picture_at_each_size():
    for size in {round(box[2] - box[0], 6) for box in crop_boxes()}:
        covered = np.zeros((SIZE, SIZE), bool)
        for x0, y0, x1, y1 in crop_boxes():
            assert 0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1
            if round(x1 - x0, 6) == size:
                covered[round(y0 * SIZE) : round(y1 * SIZE), round(x0 * SIZE) : round(x1 * SIZE)] = True
        assert covered.all()


def test_features_of_crops_are_those_of_the_enlarged_parts_and_progress_counts_photos():
    photos, _ = marked_photos(5)
    seen: list[tuple[int, int]] = []
    features = crop_features(photos.pictures, crop_boxes(), answers, lambda done, total: seen.append((done, total)))
    assert seen == [(8, 10), (10, 10)]
    part = crop(photos.pictures[7], crop_boxes()[4])
    assert part.shape == photos.pictures[7].shape
    np.testing.assert_allclose(features[7, 4], features_of(part[np.newaxis])[0], rtol=1e-6)


def test_evidence_is_not_changed_by_what_all_classes_share():
    head = head_for({"red": 2.0}, {"blue": 1.0}, {})
    features = np.random.default_rng(0).random((4, len(NAMES)), np.float32)
    shifted = Head(head.weights + 5, head.bias)
    np.testing.assert_allclose(evidence_for(1, features, shifted), evidence_for(1, features, head), atol=1e-5)


def test_probability_falls_are_those_of_the_softmax():
    logits = np.array([[2.0, 1.0, -1.0], [0.5, 0.0, 3.0]])
    amounts = np.array([[0.7, 0.0], [1.5, 2.0]], np.float32)
    falls = probability_falls(logits, 0, amounts)
    for row in range(2):
        for column in range(2):
            lower = logits[row] - np.array([amounts[row, column], 0, 0])
            softmax = [np.exp(values[0]) / np.exp(values).sum() for values in (logits[row], lower)]
            assert falls[row, column] == pytest.approx(softmax[0] - softmax[1], abs=1e-6)


def test_concepts_of_independent_evidence_are_separated():
    rng = np.random.default_rng(1)
    patterns = np.kron(np.eye(3), np.ones(4)).astype(np.float32)
    amounts = rng.random((60, 3), np.float32) * (rng.random((60, 3)) < 0.5)
    concepts = Concepts(amounts @ patterns, 3)
    best = np.abs(np.corrcoef(concepts.amounts(amounts @ patterns).T, amounts.T)[:3, 3:]).max(axis=1)
    assert best.min() > 0.99
    np.testing.assert_allclose(concepts.patterns.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ((0, 0, 0), "black"),
        ((250, 250, 248), "white"),
        ((130, 130, 130), "gray"),
        ((220, 30, 30), "red"),
        ((245, 140, 20), "orange"),
        ((110, 65, 30), "brown"),
        ((245, 225, 40), "yellow"),
        ((60, 130, 50), "green"),
        ((40, 90, 220), "blue"),
        ((110, 50, 190), "purple"),
        ((250, 150, 190), "pink"),
        ((250, 160, 160), "pink"),
        ((230, 20, 190), "magenta"),
    ],
)
def test_names_of_colours(colour, name):
    assert NAMES[int(name_colours(np.array(colour, np.uint8)))] == name
