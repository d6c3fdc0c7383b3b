"""What one model answers to the photos of a set, and why it does so for some of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flowers_tfx.explain.explain_picture import explain_picture
from flowers_tfx.explain.explained_model import ExplainedModel
from flowers_tfx.explain.explanation import Explanation
from flowers_tfx.explain.methods import Method
from flowers_tfx.explain.model_function import Pictures
from flowers_tfx.explain.photo_set import PhotoSet
from flowers_tfx.explain.rows import explanation_row
from flowers_tfx.inference.answer import Answer, answer_of
from flowers_tfx.progress import Meter


class ExplainedAnswers:
    """`pictures`: the photos as this model sees them; `outputs`: its answers to them; `labels`: its classes; `explanations`: by the photo's
    index, each made once."""

    def __init__(self, model: ExplainedModel, photos: PhotoSet, pictures: Pictures, method: Method) -> None:
        self.labels, self.pictures, self.outputs = model.labels, pictures, model.answers(pictures)
        self.explanations: dict[int, Explanation] = {}
        self._model, self._photos, self._method = model, photos, method

    @property
    def can_explain(self) -> bool:
        return self._model.can_explain(self._method)

    def explain(self, indices: Iterable[int], what: str) -> dict[int, Explanation]:
        """Of the most probable class of each photo. `what` names the work to those who watch."""
        chosen = list(indices)
        missing, meter = [index for index in chosen if index not in self.explanations], Meter(what)
        for done, index in enumerate(missing, 1):
            self.explanations[index] = explain_picture(self.pictures[index], self._model.answers, self._method, self._model.gradients)
            meter(done, len(missing))
        return {index: self.explanations[index] for index in chosen}

    def answer(self, index: int) -> Answer:
        return answer_of({name: rows[index] for name, rows in self.outputs.items()})

    def rows(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """As JSON, of photos that were explained."""
        return [
            {"photo": index, **explanation_row(self.explanations[index], self.answer(index), self.labels, self._photos.photos[index].size)}
            for index in indices
        ]
