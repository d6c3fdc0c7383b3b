"""The serving model of a review: its figures on its own test photos, and its answers to new ones. TensorFlow is not loaded."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from flowers_tfx import features, registry
from flowers_tfx.errors import InputError
from flowers_tfx.inference.answer import Unreadable
from flowers_tfx.inference.engines import Engine, LiteRtEngine
from flowers_tfx.inference.model_choice import loaded_model
from flowers_tfx.progress import Meter, ProgressCallback
from flowers_tfx.review.embeddings import batches
from flowers_tfx.review.sides import Side
from flowers_tfx.storage import StoragePath
from flowers_tfx.validation.model_answers import COLUMNS, SCORE, ModelAnswers
from flowers_tfx.validation.model_figures import ModelFigures, read_model_figures
from flowers_tfx.validation.row_sample import sample_rows


class Unavailable(Exception):
    """`str(error)`: why the model's figures are unavailable, or why it cannot be asked; without a full stop."""


@dataclass(frozen=True)
class ServingModel:
    """`version`: its name. Without `engine` it is not asked: sides bring its answers. `missing`: why there are no figures or answers of
    it, for the report; such a model has neither."""

    version: str
    figures: ModelFigures | None = None
    engine: Engine | None = None
    missing: str = ""

    def answers_to(self, side: Side, most: int, seed: int = 0, progress: ProgressCallback | None = None) -> ModelAnswers:
        """Its answers to the photos of the side, of many to `most`: those that the tests choose themselves. Photos that cannot be read
        have no answer. Raises Unavailable if none can be answered."""
        if side.answers is not None:
            return side.answers
        if self.engine is None:
            raise Unavailable(self.missing or "the model was not loaded")
        if features.DIGEST not in side.rows:
            raise Unavailable("the photos have no digests, by which they are read")
        uris = side.rows[features.URI] if features.URI in side.rows else side.rows[features.DIGEST]
        chosen = side.rows.iloc[sample_rows(side.rows[features.DIGEST], uris, most, seed)]
        rows = list(_ask(self.engine, side, set(chosen[features.DIGEST]), progress or Meter("answers of the serving model")))
        if not rows:
            raise Unavailable("no new photo can be read")
        answers = pd.DataFrame(rows, columns=[*COLUMNS, SCORE])
        return ModelAnswers(answers.drop_duplicates(features.DIGEST, ignore_index=True), self.engine.labels, self.version)


def _ask(engine: Engine, side: Side, digests: set[str], progress: ProgressCallback) -> Iterator[tuple[str, str, float, bool, float | None]]:
    """The rows of the answers, in any order."""
    asked = 0
    for batch in batches(side.read_photos(digests)):
        for (digest, _), answer in zip(batch, engine.answer([data for _, data in batch]), strict=True):
            asked += 1
            progress(asked, len(digests))
            # A network that is broken answers with numbers that are not finite.
            if not isinstance(answer, Unreadable) and answer.is_finite:
                best = int(answer.probabilities.argmax())
                yield digest, engine.labels[best], float(answer.probabilities[best]), answer.known, answer.score


def model_without(version: str, missing: str) -> ServingModel:
    return ServingModel(version, missing=missing)


def open_serving_model(folder: Path, version: str) -> ServingModel:
    """The model in this folder. One without figures or without LiteRT, or a damaged one, says so in `missing`."""
    try:
        figures = read_figures(folder)
        # Photos of a span were let in at ingest: of any size.
        engine = LiteRtEngine(folder, None)
    except Unavailable as error:
        return model_without(version, str(error))
    except InputError as error:
        return model_without(version, f"the model cannot be asked: {error.message.rstrip('.')}")
    if engine.labels != figures.labels:
        return model_without(version, "its card is that of a model with other classes")
    return ServingModel(version, figures, engine)


@contextlib.contextmanager
def chosen_model(registry_uri: str, model: str | None) -> Iterator[ServingModel | None]:
    """The model that `--model` names, as in `loaded_model`, until the end of the block; None without the option."""
    if model is None:
        yield None
        return
    with loaded_model(registry_uri, model, lambda folder: open_serving_model(folder, folder.name)) as (_, opened):
        yield opened


def read_figures(folder: StoragePath) -> ModelFigures:
    """From the card in a version's folder, on a disk or in a bucket. Raises Unavailable if it has none."""
    try:
        return read_model_figures(registry.read_card(folder))
    except OSError as error:
        raise Unavailable(f"its card cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise Unavailable(str(error)) from None
