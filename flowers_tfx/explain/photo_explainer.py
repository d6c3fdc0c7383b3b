"""Explains the answers of one pushed model to photo files."""

from __future__ import annotations

import os
from pathlib import Path

from flowers_tfx.data.network_picture import prepare_picture
from flowers_tfx.data.pictures import decode, open_picture
from flowers_tfx.explain.explain_picture import explain_picture
from flowers_tfx.explain.explain_unknown import explain_unknown
from flowers_tfx.explain.methods import GRADIENT_METHODS, Method
from flowers_tfx.explain.model_function import Gradients
from flowers_tfx.explain.photo_panels import ExplainedPhoto
from flowers_tfx.explain.rows import explanation_row, unknown_row
from flowers_tfx.inference.answer import answer_of
from flowers_tfx.inference.engines import read_photo
from flowers_tfx.model_folder import load_litert, read_labels

_SHOWN_PX = 1 << 20  # a photo is decoded at the fraction of its size that has no more pixels than this, to be shown


class PhotoExplainer:
    """Loads the model once; TensorFlow only for a method that needs gradients. Photos larger than `max_pixels` are unreadable.

    Raises InputError for a folder that does not hold a model of this program, or one without the signature that the method needs.
    """

    def __init__(self, model: Path, max_pixels: int, method: Method) -> None:
        self.labels = read_labels(model)
        self.version = model.name
        self._model = load_litert(model)
        self._gradients = _load_gradients(model) if method in GRADIENT_METHODS else None
        self._method, self._max_pixels = method, max_pixels

    def explain(self, file: Path) -> ExplainedPhoto:
        """Raises BadPicture for a file that cannot be read."""
        data = read_photo(file, self._max_pixels)
        photo = open_picture(data, self._max_pixels)
        size = photo.size  # before it is decoded, perhaps at a fraction of it
        picture = prepare_picture(photo, self._model.image_size)
        answer = answer_of(self._model(picture))
        explanation = explain_picture(picture, self._model.run_batch, self._method, self._gradients)
        unknown = None if answer.known else explain_unknown(picture, self._model.run_batch)
        row = {
            "file": str(file),
            **explanation_row(explanation, answer, self.labels, size),
            "unknown": unknown_row(unknown, size),
            "model_version": self.version,
        }
        return ExplainedPhoto(row, explanation, unknown, size, decode(open_picture(data, self._max_pixels), _SHOWN_PX))


def _load_gradients(model: Path) -> Gradients:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from flowers_tfx.model.gradients import load_gradients

    return load_gradients(model)
