"""A model of colours, photos of it, and everything that the page of a model shows: made by the analyses themselves, in seconds."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from flowers_tfx.explain.background import background_dependence
from flowers_tfx.explain.class_attribution import class_attributions
from flowers_tfx.explain.concepts import find_concepts
from flowers_tfx.explain.confusions import confused_pairs, confusions
from flowers_tfx.explain.dependence import dependence
from flowers_tfx.explain.explain_picture import explain_picture
from flowers_tfx.explain.explanation import Explanation
from flowers_tfx.explain.model_changes import model_changes
from flowers_tfx.explain.model_function import Floats, Head, Vectors
from flowers_tfx.explain.photo_set import Photo, PhotoSet
from flowers_tfx.explain.reliance import reliance
from flowers_tfx.explain.rows import explanation_row
from flowers_tfx.explain.subgroups import find_subgroups
from flowers_tfx.explain.typical_photos import typical_photos
from flowers_tfx.inference.answer import Answer
from flowers_tfx.litert import FEATURES, PROBABILITIES

LABELS = ("daisy & <co>", "roses", "tulips")
SIDE, OF_EACH = 32, 8
MARKED = 1  # the class whose photos have a mark in the lower right corner, which the model looks at


class Colours:
    """The strongest colour of the middle is the class; a white corner is `roses`."""

    head = Head(np.eye(4, 3, dtype=np.float32), np.zeros(3, np.float32))

    def __init__(self, corner: float = 4.0) -> None:
        self._corner = corner

    def __call__(self, pictures: Any) -> Vectors:
        pixels = np.asarray(pictures, np.float32) / 255
        features = 3 * pixels[:, 8:24, 8:24].mean(axis=(1, 2))
        features[:, MARKED] += self._corner * (pixels[:, -6:, -6:].min(axis=(1, 2, 3)) > 0.8)
        logits = 4 * features
        exp = np.exp(logits - logits.max(axis=1, keepdims=True))
        padded = np.concatenate([features, np.ones((len(features), 1), np.float32)], axis=1)
        return {PROBABILITIES: (exp / exp.sum(axis=1, keepdims=True)).astype(np.float32), FEATURES: padded.astype(np.float32)}


class ModelPage(NamedTuple):
    values: dict[str, Any]
    photos: PhotoSet
    explanations: dict[int, Explanation]
    serving: dict[int, Explanation]


def draw_photos(seed: int = 1) -> PhotoSet:
    """A disc of the class's colour on dark noise; a white mark in the corner of the photos of one class."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    pictures, truth, photos = [], [], []
    for index in range(OF_EACH * len(LABELS)):
        label = index % len(LABELS)
        picture = rng.integers(0, 70, (SIDE, SIDE, 3)).astype(np.uint8)
        disc = (rows - rng.integers(13, 19)) ** 2 + (columns - rng.integers(13, 19)) ** 2 < rng.integers(50, 90)
        colour = np.full(3, 60)
        colour[label] = rng.integers(110, 230)
        picture[disc] = colour
        if label == MARKED:
            picture[-6:, -6:] = 255
        pictures.append(picture)
        truth.append(label)
        properties = {"mean_luma": float(picture.mean()), "width_px": 300, "size_band": "small" if index % 5 else "medium"}
        photos.append(
            Photo(f"photos/a_rather_long_name_of_a_photo_{index}.jpg", f"{index:064x}", (300, 300 - 10 * (index % 9)), properties)
        )
    return PhotoSet(LABELS, tuple(photos), np.stack(pictures), np.array(truth, np.int64))


@cache
def model_page() -> ModelPage:
    photos, answers, before = draw_photos(), Colours(), Colours(0.0)
    outputs, earlier = answers(photos.pictures), before(photos.pictures)
    # The serving model takes every fifth photo for another class.
    earlier[PROBABILITIES][::5] = np.roll(earlier[PROBABILITIES][::5], 1, axis=1)
    explanations = {index: _explain(photos, answers, index) for index in range(9)}
    changes = model_changes(photos, outputs, LABELS, earlier, most_explained=4)
    serving = {index: _explain(photos, before, index) for index in changes["to_explain"]}
    background = background_dependence(photos, answers, outputs, explanations)
    depends = dependence(photos, answers, outputs)
    attributions, typical, confused = class_attributions(photos, explanations), typical_photos(photos, outputs), confusions(photos, outputs)
    concepts = find_concepts(photos, answers, outputs, Colours.head, None, lambda *_: None)
    values = {
        "format": 1,
        "model": {"version": 7, "digest": "0" * 64},
        "labels": list(LABELS),
        "method": "rise",
        "class": None,
        "serving": {"version": "6", "reason": None},
        "photos": [_photo_row(photos, outputs, index) for index in range(len(photos))],
        "explanations": [_row(photos, outputs, index, explanation) for index, explanation in explanations.items()],
        "classes": {
            label: {"attribution": attributions[label], "typical": typical[label], "confusions": confused[label]} for label in LABELS
        },
        "confused_pairs": confused_pairs(photos, outputs),
        "concepts": concepts.concepts,
        "background": background,
        "dependence": depends,
        "reliance": reliance(background, depends),
        "subgroups": _subgroups(photos),
        "changes": changes,
    }
    return ModelPage(values, photos, explanations, serving)


def _subgroups(photos: PhotoSet) -> dict[str, Any]:
    """Of each photo ten times, half of them dark and mostly answered wrong: so few photos alone have no subgroups."""
    rng = np.random.default_rng(0)
    rows = np.repeat(np.arange(len(photos)), 10)
    dark = rng.random(len(rows)) < 0.5
    copies = tuple(
        replace(
            photos.photos[row],
            digest=f"{copy:064x}",
            properties={"mean_luma": float(rng.uniform(20, 60) if is_dark else rng.uniform(90, 200))},
        )
        for copy, (row, is_dark) in enumerate(zip(rows.tolist(), dark.tolist(), strict=True))
    )
    truth = photos.truth[rows]
    wrong = dark & (rng.random(len(rows)) < 0.7)
    probabilities = np.full((len(rows), len(LABELS)), 0.1, np.float32)
    probabilities[np.arange(len(rows)), (truth + wrong) % len(LABELS)] = 0.8
    vectors = {PROBABILITIES: probabilities, FEATURES: np.eye(3, dtype=np.float32)[truth]}
    found = find_subgroups(PhotoSet(LABELS, copies, photos.pictures[rows], truth), vectors)
    for row in (one for group in (*found["subgroups"], *found["not_confirmed"]) for one in group["examples"]):
        row["photo"] = int(rows[row["photo"]])
    return found


def _explain(photos: PhotoSet, answers: Colours, index: int) -> Explanation:
    explanation = explain_picture(photos.pictures[index], answers, "rise")
    # Some are withheld, whatever the checks of so small a picture say.
    reasons = ("The map changes much when the photo changes a little.",) if index % 3 == 2 else ()
    return replace(explanation, quality=replace(explanation.quality, reasons=reasons))


def _photo_row(photos: PhotoSet, outputs: Vectors, index: int) -> dict[str, Any]:
    probabilities: Floats = outputs[PROBABILITIES][index]
    photo = photos.photos[index]
    return {
        "uri": photo.uri,
        "digest": photo.digest,
        "label": LABELS[photos.truth[index]],
        "answer": LABELS[int(probabilities.argmax())],
        "probability": float(probabilities.max()),
        "known": True,
        "width": photo.size[0],
        "height": photo.size[1],
    }


def _row(photos: PhotoSet, outputs: Vectors, index: int, explanation: Explanation) -> dict[str, Any]:
    answer = Answer(outputs[PROBABILITIES][index])
    return {"photo": index, **explanation_row(explanation, answer, LABELS, photos.photos[index].size)}
