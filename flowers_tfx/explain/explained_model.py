"""A pushed or a candidate model, as the page of a model asks it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flowers_tfx.explain.methods import Method
from flowers_tfx.explain.model_function import Answers, Gradients, Head
from flowers_tfx.model_folder import load_litert, read_labels


@dataclass(frozen=True)
class ExplainedModel:
    """`image_size`: px; `head`: None for a model that was pushed before there was a signature of gradients, from which it is read;
    `gradients`: None where the method needs none."""

    labels: tuple[str, ...]
    image_size: int
    answers: Answers
    head: Head | None = None
    gradients: Gradients | None = None


def load_answering_model(folder: Path) -> ExplainedModel:
    """Answers only, from LiteRT. Raises InputError for a folder without a model of this program."""
    litert = load_litert(folder)
    return ExplainedModel(read_labels(folder), litert.image_size, litert.run_batch)


def load_explained_model(folder: Path, method: Method) -> ExplainedModel:
    """Raises InputError as load_answering_model does, and for a model without the signature that the method needs."""
    return load_answering_model(folder)
