"""Explains a model: the answers to the photos of a split, explanations of some of them, and the analyses of both."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowers_tfx.explain.explain_picture import explain_picture
from flowers_tfx.explain.explained_model import ExplainedModel
from flowers_tfx.explain.explanation import Explanation
from flowers_tfx.explain.methods import Method
from flowers_tfx.explain.model_function import Vectors
from flowers_tfx.explain.photo_set import PhotoSet
from flowers_tfx.explain.photo_sets import Examples, first_of_each_class, read_photo_set
from flowers_tfx.explain.rows import explanation_row
from flowers_tfx.inference.answer import answer_of
from flowers_tfx.litert import PROBABILITIES
from flowers_tfx.progress import Meter

FORMAT = 1
_DIGITS = 6


@dataclass(frozen=True)
class ModelExplanations:
    """`values`: explanations.json, without what only the caller knows; `explanations`: by the photo's index in `photos`."""

    values: dict[str, Any]
    photos: PhotoSet
    explanations: Mapping[int, Explanation]


def explain_model(
    model: ExplainedModel, examples: Examples, of_each_class: int, method: Method, serving: ExplainedModel | None
) -> ModelExplanations:
    """`of_each_class`: how many photos of each class are explained one by one; `serving`: the model that serves now, with the same labels,
    None without one."""
    seconds: dict[str, float] = {}
    with _timed(seconds, "photos"):
        photos = read_photo_set(examples, model.labels, model.image_size, of_each_class, Meter("photos read"))
    with _timed(seconds, "answers"):
        outputs = model.answers(photos.pictures)
    with _timed(seconds, "explanations"):
        explanations = _explain_photos(model, photos, first_of_each_class(photos, of_each_class), method)
    values = {
        "format": FORMAT,
        "labels": list(model.labels),
        "method": method,
        "photos": _photo_rows(photos, outputs),
        "explanations": _explanation_rows(photos, outputs, explanations),
        "seconds": {part: round(value, 1) for part, value in seconds.items()},
    }
    return ModelExplanations(values, photos, explanations)


def _explain_photos(model: ExplainedModel, photos: PhotoSet, chosen: list[int], method: Method) -> dict[int, Explanation]:
    meter, explanations = Meter("photos explained"), {}
    for index in chosen:
        explanations[index] = explain_picture(photos.pictures[index], model.answers, method, model.gradients)
        meter(len(explanations), len(chosen))
    return explanations


def _photo_rows(photos: PhotoSet, outputs: Vectors) -> list[dict[str, Any]]:
    probabilities = outputs[PROBABILITIES]
    return [
        {
            "uri": photo.uri,
            "digest": photo.digest,
            "label": photos.labels[photos.truth[index]],
            "answer": photos.labels[int(np.argmax(probabilities[index]))],
            "probability": round(float(probabilities[index].max()), _DIGITS),
            "known": answer_of(_row(outputs, index)).known,
            "width": photo.size[0],
            "height": photo.size[1],
        }
        for index, photo in enumerate(photos.photos)
    ]


def _explanation_rows(photos: PhotoSet, outputs: Vectors, explanations: Mapping[int, Explanation]) -> list[dict[str, Any]]:
    return [
        {"photo": index, **explanation_row(explanation, answer_of(_row(outputs, index)), photos.labels, photos.photos[index].size)}
        for index, explanation in explanations.items()
    ]


def _row(outputs: Vectors, index: int) -> Vectors:
    return {name: rows[index] for name, rows in outputs.items()}


@contextlib.contextmanager
def _timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    seconds[part] = time.monotonic() - started
