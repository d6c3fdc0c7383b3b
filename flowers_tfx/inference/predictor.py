"""Predictions of a model of the registry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flowers_tfx.inference.answer import Answer, Unreadable, Why
from flowers_tfx.inference.engines import EngineName, Photo, load_engine


@dataclass(frozen=True)
class Prediction:
    """`probabilities` by class name, in the order of the model's outputs; `known`, `why` and `score` as in `Answer`."""

    label: str
    probability: float
    probabilities: dict[str, float]
    known: bool
    why: Why | None
    score: float | None


Result = Prediction | Unreadable


class Predictor:
    """Loads the model once. Photos larger than `max_pixels` are unreadable.

    Raises InputError for a folder that does not hold a model of this program, or not one for this engine.
    """

    def __init__(self, model: Path, max_pixels: int, engine: EngineName = "litert") -> None:
        self._engine = load_engine(engine, model, max_pixels)
        self.labels = self._engine.labels
        self.version = model.name

    def predict(self, photos: Iterable[Photo]) -> Iterator[Result]:
        """A result for each photo, a file or its bytes, in order. Only a few photos are in memory."""
        for answer in self._engine.answer(photos):
            yield answer if isinstance(answer, Unreadable) else self._prediction(answer)

    def _prediction(self, answer: Answer) -> Prediction:
        best = int(answer.probabilities.argmax())
        probabilities = dict(zip(self.labels, map(float, answer.probabilities), strict=True))
        return Prediction(self.labels[best], float(answer.probabilities[best]), probabilities, answer.known, answer.why, answer.score)
