"""Models that look at one thing only: what the analysis of dependence names first."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from flowers_tfx.explain.background import background_dependence
from flowers_tfx.explain.dependence import dependence
from flowers_tfx.explain.example_pictures import draw_pair
from flowers_tfx.explain.model_function import Pictures, Vectors
from flowers_tfx.explain.photo_set import Photo, PhotoSet
from flowers_tfx.explain.property_curves import CURVES, Curve
from flowers_tfx.explain.reliance import SMALLEST_EFFECT, reliance
from flowers_tfx.explain.reliance_sentences import loss, setting
from flowers_tfx.litert import PROBABILITIES

SIZE, EACH = 48, 10
LABELS = ("poppy", "fern", "gentian")  # red, green, blue
_ROWS, _COLUMNS = np.mgrid[:SIZE, :SIZE] / SIZE - 0.5

Logits = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]


class Model:
    """Answers by the logits [N, classes] of a function of pictures; counts the pictures."""

    def __init__(self, logits: Logits) -> None:
        self._logits, self.asked = logits, 0

    def __call__(self, pictures: Pictures | Sequence[Pictures]) -> Vectors:
        batch = np.asarray(pictures, np.float64)
        self.asked += len(batch)
        exponents = np.exp(self._logits(batch))
        return {PROBABILITIES: (exponents / exponents.sum(axis=1, keepdims=True)).astype(np.float32)}


def colour_in_the_middle(pictures: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    middle = pictures[:, 18:30, 18:30]
    return 5 * np.stack([(middle.argmax(axis=3) == channel).mean(axis=(1, 2)) for channel in range(3)], axis=1)


def push(label: int, strength: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    logits = np.zeros((len(strength), len(LABELS)))
    logits[:, label] = strength
    return logits


def by_brightness(pictures: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return colour_in_the_middle(pictures) + push(1, 12 * (pictures.mean(axis=(1, 2, 3)) / 255 - 0.45))


def by_a_corner(pictures: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    corner = pictures[:, 1:8, 40:47]
    magenta = (corner[..., 0] > 200) & (corner[..., 1] < 80) & (corner[..., 2] > 200)
    return colour_in_the_middle(pictures) + push(2, 6 * magenta.mean(axis=(1, 2)))


def by_the_background(pictures: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    around = np.concatenate([pictures[:, :6].reshape(len(pictures), -1, 3), pictures[:, -6:].reshape(len(pictures), -1, 3)], axis=1)
    return colour_in_the_middle(pictures) + push(0, 6 * (around[..., 0] - around[..., 2] > 40).mean(axis=1))


def draw_set(
    change: Callable[[Pictures, int, np.random.Generator], Any] | None = None, labels: Sequence[str] = LABELS, each: int = EACH
) -> PhotoSet:
    """Discs in the colour of their class before grey clouds."""
    rng = np.random.default_rng(3)
    pictures, truth = [], []
    for label in range(len(labels)):
        for _ in range(each):
            level = rng.integers(70, 180)
            picture = np.full((SIZE, SIZE, 3), level, np.float64) + rng.normal(0, 6, (SIZE, SIZE, 1))
            x, y = rng.uniform(-0.06, 0.06, 2)
            disc = (_ROWS - y) ** 2 + (_COLUMNS - x) ** 2 < rng.uniform(0.22, 0.3) ** 2
            colour = np.full(3, 60.0)
            colour[label % 3] = 210
            picture[disc] = colour + rng.normal(0, 6, 3)
            drawn = np.clip(picture, 0, 255).astype(np.uint8)
            if change is not None:
                change(drawn, label, rng)
            pictures.append(drawn)
            truth.append(label)
    photos = tuple(Photo(f"{at}.jpg", f"{at:064d}", (SIZE, SIZE), {"jpeg_quality": 90, "width_px": 320}) for at in range(len(truth)))
    return PhotoSet(tuple(labels), photos, np.array(pictures, np.uint8).reshape(-1, SIZE, SIZE, 3), np.array(truth, np.int64))


def brighter_ferns(picture: Pictures, label: int, rng: np.random.Generator) -> None:
    if label == 1:
        picture[...] = np.clip(picture * 1.6, 0, 255)


def marked_gentians(picture: Pictures, label: int, rng: np.random.Generator) -> None:
    if label == 2 and rng.random() < 0.8:
        picture[1:8, 40:47] = (230, 30, 230)


def poppies_on_sand(picture: Pictures, label: int, rng: np.random.Generator) -> None:
    grey = np.ptp(picture.astype(np.int64), axis=2) < 30
    if label == 0:
        picture[grey] = picture[grey] // 4 + np.array([120, 90, 30], np.uint8)


def analyse(photo_set: PhotoSet, model: Model) -> tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]:
    outputs = model(photo_set.pictures)
    background = background_dependence(photo_set, model, outputs, {})
    changed = dependence(photo_set, model, outputs)
    return background, changed, reliance(background, changed)


@pytest.mark.parametrize(
    ("logits", "change", "kinds", "label"),
    [
        (by_brightness, brighter_ferns, ("brightness",), "fern"),
        (by_a_corner, marked_gentians, ("corner", "mark"), "gentian"),
        (by_the_background, poppies_on_sand, ("background", "border"), "poppy"),
    ],
)
def test_what_a_model_relies_on_stands_first(logits: Logits, change: Any, kinds: tuple[str, ...], label: str) -> None:
    photo_set = draw_set(change)

    _, _, items = analyse(photo_set, Model(logits))

    first = items[:3]
    assert first[0]["kind"] in kinds
    named = next(item for item in first if item["kind"] == kinds[0] and item["class"] == label)
    assert named["interval"][0] > 0
    assert named["effect"] >= SMALLEST_EFFECT
    assert label in named["sentence"]
    assert all(photo_set.labels[photo_set.truth[photo]] != label for photo in named["photos"])
    before, after = draw_pair(photo_set, named["perturbation"])
    model = Model(logits)
    of_class = model([before, after])[PROBABILITIES][:, photo_set.labels.index(label)]
    assert of_class[1] > of_class[0] + SMALLEST_EFFECT


def test_the_corner_is_named_with_its_colour() -> None:
    _, _, items = analyse(draw_set(marked_gentians), Model(by_a_corner))

    corner = next(item for item in items if item["kind"] == "corner")
    assert corner["place"] == "in the top right corner"
    assert "have magenta there" in corner["sentence"]


def test_a_model_that_looks_at_the_flower_alone_relies_on_nothing_else() -> None:
    background, changed, items = analyse(draw_set(), Model(colour_in_the_middle))

    assert background["without_mask"] == 0
    assert changed["photos"] == 3 * EACH
    assert [(item["kind"], item["class"], item["effect"]) for item in items] == []


def test_colour_may_matter_to_a_flower() -> None:
    def by_colourfulness(pictures: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return colour_in_the_middle(pictures) + push(1, np.ptp(pictures, axis=3).mean(axis=(1, 2)) / 5)

    _, changed, items = analyse(draw_set(), Model(by_colourfulness))

    saturation = next(curve for curve in changed["curves"] if curve["name"] == "saturation")
    assert max(point["classes"]["fern"]["pull"] for point in saturation["points"]) > SMALLEST_EFFECT
    assert saturation["may_matter"]
    assert not [item for item in items if item["kind"] == "saturation"]


@pytest.mark.parametrize(
    "photo_set",
    [
        pytest.param(draw_set(labels=("poppy", "fern"), each=1), id="two classes of one photo"),
        pytest.param(draw_set(labels=("poppy",), each=3), id="one class"),
        pytest.param(draw_set(labels=LABELS, each=0), id="no photos"),
        pytest.param(replace(draw_set(labels=("poppy", "fern"), each=3), labels=LABELS), id="a class without photos"),
        pytest.param(replace(draw_set(each=2), pictures=np.full((6, SIZE, SIZE, 3), 90, np.uint8)), id="pictures of one colour"),
    ],
)
def test_small_sets_give_figures_and_name_nothing(photo_set: PhotoSet) -> None:
    wide = replace(photo_set, labels=(*photo_set.labels, *LABELS)[:3])

    background, changed, items = analyse(wide, Model(by_a_corner))

    assert items == []
    assert changed["photos"] == len(photo_set)
    assert len(background["indices"]) + background["without_mask"] == len(photo_set)
    json.dumps([background, changed], allow_nan=False)


def test_an_accuracy_that_stays_is_not_said_to_fall() -> None:
    compared = {"accuracy": 0.9, "accuracy_change": 0.0, "change": -0.08, "flipped": 0.04}

    assert "falls by 8 points: accuracy stays 90 %, and 4 %" in loss("Mirrored", compared)
    assert "accuracy is 90 % instead of 95 %" in loss("Mirrored", {**compared, "accuracy_change": -0.05})


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_every_setting_of_a_curve_has_words(curve: Curve) -> None:
    for value in curve.values:
        words = setting({"name": curve.name, "usual": [0.0, 1.0]}, {"value": value})
        assert words[0].isupper()
        assert str(value).lower() in words.lower() if isinstance(value, str) else "(usual: 0 to 1)" in words


def test_the_number_of_pictures_is_bounded_for_many_classes() -> None:
    labels = tuple(f"class {at}" for at in range(50))
    photo_set = draw_set(labels=labels, each=4)

    def by_shade(pictures: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.eye(50)[(pictures.mean(axis=(1, 2, 3)) / 256 * 50).astype(np.int64)]

    model = Model(by_shade)
    reported: list[tuple[int, int]] = []
    outputs = model(photo_set.pictures)
    changed = dependence(photo_set, model, outputs, lambda done, total: reported.append((done, total)))
    background = background_dependence(photo_set, model, outputs, {}, lambda done, total: reported.append((done, total)))

    assert changed["photos"] == 100
    assert model.asked < 30_000
    assert reported[-1][0] == reported[-1][1] == 6
    assert {entry["class"] for entry in changed["transplants"]} == set(labels)
    assert background["photos"] == 100


def test_the_same_photos_give_the_same_figures() -> None:
    photo_set = draw_set(marked_gentians, each=4)

    first, second = (analyse(photo_set, Model(by_a_corner)) for _ in range(2))

    assert first == second
