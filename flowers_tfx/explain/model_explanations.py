"""Explains a model: its answers to the photos of a split, explanations of some of them, and the analyses of both."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from flowers_tfx.errors import InputError
from flowers_tfx.explain.background import background_dependence
from flowers_tfx.explain.class_attribution import class_attributions
from flowers_tfx.explain.concepts import ConceptAnalysis, find_concepts
from flowers_tfx.explain.confusions import confused_pairs, confusions
from flowers_tfx.explain.dependence import dependence
from flowers_tfx.explain.explained_answers import ExplainedAnswers
from flowers_tfx.explain.explained_model import ExplainedModel, ServingModel
from flowers_tfx.explain.explanation import Explanation
from flowers_tfx.explain.methods import Method
from flowers_tfx.explain.model_changes import model_changes
from flowers_tfx.explain.model_function import Vectors
from flowers_tfx.explain.page_pictures import PagePictures
from flowers_tfx.explain.photo_set import PhotoSet
from flowers_tfx.explain.photo_sets import Examples, first_of_each_class, read_photo_set
from flowers_tfx.explain.reliance import reliance
from flowers_tfx.explain.subgroups import find_subgroups
from flowers_tfx.explain.typical_photos import typical_photos
from flowers_tfx.features import EVALUATED_SPLIT
from flowers_tfx.progress import Meter
from flowers_tfx.reports.model_explanations import render_model_explanations

FORMAT = 1
MOST_CHANGES = 8  # photos with other answers than before, explained for both models
_DIGITS, _SENTENCES = 6, 3


@dataclass(frozen=True)
class PageSettings:
    """`photos`: how many of each class are explained one by one; `label`: the only class that the page is about, None for all."""

    photos: int
    method: Method
    label: str | None = None

    def classes(self, labels: Sequence[str]) -> Sequence[str]:
        return labels if self.label is None else [self.label]


@dataclass(frozen=True)
class ModelExplanations:
    """`values`: the content of explanations.json; `now` and `before`: the answers of the model and of the one that serves, with the
    explanations that `values` name by the indices of photos."""

    values: dict[str, Any]
    photos: PhotoSet
    now: ExplainedAnswers
    before: ExplainedAnswers | None

    def as_json(self) -> bytes:
        return (json.dumps(self.values, ensure_ascii=False, allow_nan=False) + "\n").encode()

    def sentences(self) -> list[str]:
        """What the answers rely on most."""
        found = [str(one["sentence"]) for one in self.values["reliance"][:_SENTENCES]]
        return found or ["Nothing was found that the answers rely on and should not."]

    def page(self) -> str:
        """HTML, one file that loads nothing."""
        before = {} if self.before is None else self.before.explanations
        return render_model_explanations(self.values, PagePictures(self.photos, self.now.explanations, before))


def explain_model(
    model: ExplainedModel, identity: Mapping[str, Any], serving: ServingModel, examples: Examples, settings: PageSettings
) -> ModelExplanations:
    """`identity`: the model's version and digest, as explanations.json names them.

    Raises InputError where the examples hold no photo of the model's classes, or of the one that is asked for.
    """
    seconds: dict[str, float] = {}
    with _timed(seconds, "photos"):
        photos = _read_photos(model, examples, settings)
        _check_photos(photos, settings)
    with _timed(seconds, "answers"):
        now = ExplainedAnswers(model, photos, photos.pictures, settings.method)
    with _timed(seconds, "explanations"):
        explained = now.explain(first_of_each_class(photos, settings.photos, settings.classes(model.labels)), "photos explained")
    with _timed(seconds, "subgroups"):
        subgroups = find_subgroups(photos, now.outputs)
    with _timed(seconds, "changes"):
        before = None if serving.model is None else _answers_before(serving.model, photos, examples, settings)
        changes = None if before is None else _changes(now, before, photos, {row["rule"]: row["members"] for row in subgroups["subgroups"]})
    analyses = _Analyses(model, photos, now.outputs, explained, settings, seconds)
    values = {
        "format": FORMAT,
        "model": dict(identity),
        "labels": list(model.labels),
        "method": settings.method,
        "class": settings.label,
        "serving": serving.as_json(),
        "photos": [_photo_row(photos, now, index) for index in range(len(photos))],
        "explanations": now.rows(list(explained)),
        **analyses.dependence(),
        **analyses.classes(),
        "subgroups": subgroups,
        "changes": changes,
    }
    values["seconds"] = {part: round(value, 1) for part, value in seconds.items()}
    return ModelExplanations(values, photos, now, before)


@dataclass(frozen=True)
class _Analyses:
    """`outputs`: the answers to all photos; `explained`: the explanations of some; `seconds`: those of each part, which are added here."""

    model: ExplainedModel
    photos: PhotoSet
    outputs: Vectors
    explained: Mapping[int, Explanation]
    settings: PageSettings
    seconds: dict[str, float]

    def dependence(self) -> dict[str, Any]:
        """What the answers depend on that they should not."""
        with _timed(self.seconds, "background"):
            background = background_dependence(
                self.photos, self.model.answers, self.outputs, self.explained, Meter("changes of the background")
            )
        with _timed(self.seconds, "dependence"):
            changed = dependence(self.photos, self.model.answers, self.outputs, Meter("changes of the photos"))
        label = self.settings.label
        relied_on = [one for one in reliance(background, changed) if label is None or one["class"] in (None, label)]
        return {"reliance": relied_on, "background": background, "dependence": changed}

    def classes(self) -> dict[str, Any]:
        labels = self.settings.classes(self.model.labels)
        with _timed(self.seconds, "classes"):
            attributions = class_attributions(self.photos, self.explained)
            typical, confused = typical_photos(self.photos, self.outputs), confusions(self.photos, self.outputs)
            pairs = confused_pairs(self.photos, self.outputs)
        concepts = self._concepts()
        return {
            "classes": {
                label: {"attribution": attributions[label], "typical": typical[label], "confusions": confused[label]} for label in labels
            },
            "confused_pairs": pairs,
            "concepts": None if concepts is None else {label: concepts.concepts[label] for label in labels},
            "concept_quality": None if concepts is None else {label: concepts.quality[label] for label in labels},
            "no_concepts": self.model.no_head or None,
        }

    def _concepts(self) -> ConceptAnalysis | None:
        """None without the weights of the last layer."""
        if self.model.head is None:
            return None
        with _timed(self.seconds, "concepts"):
            meter = Meter("photos cut into parts")
            return find_concepts(self.photos, self.model.answers, self.outputs, self.model.head, None, meter)


def _read_photos(model: ExplainedModel, examples: Examples, settings: PageSettings) -> PhotoSet:
    return read_photo_set(examples, model.labels, model.image_size, settings.photos, Meter("photos read"))


def _check_photos(photos: PhotoSet, settings: PageSettings) -> None:
    if settings.label is not None and not np.any(photos.truth == photos.labels.index(settings.label)):
        raise InputError(f"The split `{EVALUATED_SPLIT}` holds no photo of the class {settings.label}.", "Name another class.")
    if not len(photos):
        raise InputError(f"The split `{EVALUATED_SPLIT}` holds no photo of the model's classes.", "Ingest more photos.")


def _answers_before(serving: ExplainedModel, photos: PhotoSet, examples: Examples, settings: PageSettings) -> ExplainedAnswers:
    """Of the same photos, in the size that this model sees."""
    pictures = photos.pictures
    if pictures.shape[1] != serving.image_size:
        pictures = _read_photos(replace(serving, labels=photos.labels), examples, settings).pictures
    return ExplainedAnswers(serving, photos, pictures, settings.method)


def _changes(now: ExplainedAnswers, before: ExplainedAnswers, photos: PhotoSet, subgroups: Mapping[str, list[int]]) -> dict[str, Any]:
    """The key `changes`, with the explanations of both models for the photos that it chooses."""
    changes = model_changes(photos, now.outputs, before.labels, before.outputs, subgroups, MOST_CHANGES)
    chosen = changes["to_explain"]
    now.explain(chosen, "changed answers explained")
    if before.can_explain:
        before.explain(chosen, "answers of the serving model explained")
    return {**changes, "now": now.rows(chosen), "before": before.rows(chosen) if before.can_explain else None}


def _photo_row(photos: PhotoSet, answers: ExplainedAnswers, index: int) -> dict[str, Any]:
    photo, answer = photos.photos[index], answers.answer(index)
    best = int(answer.probabilities.argmax())
    return {
        "uri": photo.uri,
        "digest": photo.digest,
        "label": photos.labels[photos.truth[index]],
        "answer": photos.labels[best],
        "probability": round(float(answer.probabilities[best]), _DIGITS),
        "known": answer.known,
        "width": photo.size[0],
        "height": photo.size[1],
    }


@contextlib.contextmanager
def _timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    seconds[part] = time.monotonic() - started
