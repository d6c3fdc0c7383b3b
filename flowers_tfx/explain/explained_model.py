"""The models of a page that explains a model: the one that it explains, and the one that serves now."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path

from flowers_tfx.errors import InputError
from flowers_tfx.explain.methods import GRADIENT_METHODS, Method
from flowers_tfx.explain.model_function import Answers, Gradients, Head
from flowers_tfx.model_folder import load_litert, read_labels


@dataclass(frozen=True)
class ExplainedModel:
    """`image_size`: px; `head`: None for a model without the signature of gradients, with which it is read, and `no_head` says so;
    `gradients`: None where the method needs none."""

    labels: tuple[str, ...]
    image_size: int
    answers: Answers
    head: Head | None = None
    no_head: str = ""
    gradients: Gradients | None = None

    def can_explain(self, method: Method) -> bool:
        return method not in GRADIENT_METHODS or self.gradients is not None


@dataclass(frozen=True)
class ServingModel:
    """What a model is compared with: `model` is None where there is none, for a `reason`."""

    model: ExplainedModel | None
    version: str = ""
    reason: str = ""

    def as_json(self) -> dict[str, str | None]:
        return {"version": self.version or None, "reason": self.reason or None}


def load_explained_model(folder: Path, method: Method) -> ExplainedModel:
    """Raises InputError for a folder without a model of this program, and for a model without the signature that the method needs."""
    model = _load_answers(folder)
    # TensorFlow takes seconds to load.
    from flowers_tfx.model.gradients import load_gradients

    try:
        gradients = load_gradients(folder)
    except InputError as error:
        if method in GRADIENT_METHODS:
            raise
        return replace(model, no_head=str(error))
    return replace(model, head=gradients.head, gradients=gradients if method in GRADIENT_METHODS else None)


def load_serving_model(folder: Path, version: str, method: Method) -> ServingModel:
    """A model without LiteRT, as versions were once pushed, or a damaged one, is nothing to compare with. One without gradients is compared
    by its answers, and not explained."""
    try:
        model = _load_answers(folder)
    except InputError as error:
        return ServingModel(None, version, str(error))
    if method in GRADIENT_METHODS:
        with contextlib.suppress(InputError):
            model = load_explained_model(folder, method)
    return ServingModel(model, version)


def _load_answers(folder: Path) -> ExplainedModel:
    litert = load_litert(folder)
    return ExplainedModel(read_labels(folder), litert.image_size, litert.run_batch)
