"""A model that has learned a mark in the corner of one class: what explains it names the mark first, and names none for another model."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from flowers_tfx.explain.background import background_dependence
from flowers_tfx.explain.colour_names import NAMES, name_colours
from flowers_tfx.explain.concepts import find_concepts
from flowers_tfx.explain.dependence import dependence
from flowers_tfx.explain.model_function import Floats, Head, Pictures, Vectors
from flowers_tfx.explain.photo_set import Photo, PhotoSet
from flowers_tfx.explain.reliance import reliance
from flowers_tfx.litert import FEATURES, PROBABILITIES
from flowers_tfx.samples.scene import paint_scene

LABELS = ("daisy", "dandelion", "sunflowers")
SIZE, MARK, EACH, CELLS = 64, 14, 10, 4
MARKED = "dandelion"


def photos(first_seed: int, *, marked: bool) -> PhotoSet:
    """10 drawn flowers of each class; those of one class have a magenta mark in the top right corner."""
    rows = [(label, seed) for label in LABELS for seed in range(first_seed, first_seed + EACH)]
    pictures = np.stack([np.asarray(paint_scene(label, Random(f"{label} {seed}"), (SIZE, SIZE))[1].convert("RGB")) for label, seed in rows])
    truth = np.array([LABELS.index(label) for label, _ in rows], np.int64)
    if marked:
        pictures[truth == LABELS.index(MARKED), 1 : 1 + MARK, -1 - MARK : -1] = (225, 0, 200)
    return PhotoSet(LABELS, tuple(Photo(f"{seed}.png", "", (SIZE, SIZE), {}) for _, seed in rows), pictures, truth)


def features_of(pictures: Pictures) -> Floats:
    """A network that looks for colours in small places: of each colour, the largest share of it in one of 16 cells."""
    names = name_colours(np.asarray(pictures)[:, ::2, ::2])
    cells = names.reshape(len(names), CELLS, -1, CELLS, names.shape[2] // CELLS)
    return np.stack([(cells == colour).mean(axis=(2, 4)).max(axis=(1, 2)) for colour in range(len(NAMES))], axis=1).astype(np.float32)


class Model:
    def __init__(self, train: PhotoSet) -> None:
        fitted = LogisticRegression(C=20, max_iter=2000).fit(features_of(train.pictures), train.truth)
        self.head = Head(fitted.coef_.T.astype(np.float32), fitted.intercept_.astype(np.float32))

    def __call__(self, pictures: Pictures) -> Vectors:
        features = features_of(pictures)
        raised = np.exp(features @ self.head.weights + self.head.bias)
        return {FEATURES: features, PROBABILITIES: (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)}


@cache
def explained(marked: bool) -> tuple[list[dict[str, Any]], dict[str, list[dict[str, Any]]]]:
    """What the answers rely on, and the concepts."""
    model, test = Model(photos(0, marked=marked)), photos(100, marked=marked)
    outputs = model(test.pictures)
    concepts = find_concepts(test, model, outputs, model.head, None, lambda done, total: None).concepts
    return reliance(background_dependence(test, model, outputs, {}), dependence(test, model, outputs)), concepts


def test_the_mark_is_the_first_of_what_the_answers_rely_on():
    first = explained(True)[0][0]
    assert (first["kind"], first["class"], first["place"]) == ("corner", MARKED, "in the top right corner")
    assert "100 % of the photos of dandelion have magenta there" in first["sentence"]


def test_the_mark_is_the_first_concept_of_its_class_and_of_no_other():
    concepts = explained(True)[1]
    first = concepts[MARKED][0]
    assert first["suspicious"] and first["words"].startswith("magenta") and first["position"]["words"] == "in the top right corner"
    for label in set(LABELS) - {MARKED}:
        assert all(row["position"]["words"] != "in the top right corner" for row in concepts[label])


@pytest.mark.parametrize("label", LABELS)
def test_a_model_without_the_mark_has_no_such_concept(label):
    assert all(not row["words"].startswith("magenta") or not row["suspicious"] for row in explained(False)[1][label])


def test_a_model_without_the_mark_does_not_rely_on_a_corner():
    assert "corner" not in [entry["kind"] for entry in explained(False)[0][:3]]
