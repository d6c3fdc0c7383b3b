"""Photos with features of the frozen backbone, and models whose head is trained on them as the pipeline trains it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from flowers_tfx.validation.model_answers import ModelAnswers
from flowers_tfx.validation.model_figures import CalibrationBin, ModelFigures

TRAIN, EVAL, TEST = 400, 50, 100


@dataclass(frozen=True)
class Photos:
    """`frame`: uri, digest, label and properties; `features` [photos, F] of the frozen backbone."""

    frame: pd.DataFrame
    features: Any

    def rows(self, chosen: Any) -> Photos:
        return Photos(self.frame.iloc[chosen].reset_index(drop=True), self.features[chosen])


@dataclass(frozen=True)
class Model:
    """`logits` of features, with the temperature. `seen`: URIs of its photos of train and eval; `unseen`: rows of the plain table."""

    labels: tuple[str, ...]
    logits: Callable[[Any], Any]
    seen: frozenset[str]
    unseen: Any

    def answers(self, photos: Photos) -> ModelAnswers:
        probabilities = special.softmax(self.logits(photos.features), axis=1)
        best = probabilities.argmax(axis=1)
        rows = pd.DataFrame(
            {
                "digest": photos.frame["digest"],
                "predicted": [self.labels[at] for at in best],
                "probability": probabilities.max(axis=1),
                "known": True,
            }
        )
        return ModelAnswers(rows.drop_duplicates("digest", ignore_index=True), self.labels)

    def figures(self, test: Photos) -> ModelFigures:
        """As the card of a version has them."""
        answers = self.answers(test)
        given, right = answers.for_photos(test.frame), answers.correct(test.frame) == 1
        bins = np.minimum((given["probability"].to_numpy() * 10).astype(int), 9)
        confusion = pd.crosstab(test.frame["label"], given["predicted"]).reindex(index=self.labels, columns=self.labels, fill_value=0)
        calibration = [
            CalibrationBin(float(given["probability"][bins == at].mean()), int((bins == at).sum()), int(right[bins == at].sum()))
            for at in np.unique(bins)
        ]
        return ModelFigures(self.labels, tuple(map(tuple, confusion.to_numpy().tolist())), tuple(calibration), None, None, None)


def train_model(plain: Photos, weights: Path, seed: int) -> tuple[Model, Photos]:
    """The head on frozen features and the temperature, as the pipeline trains them, and the photos of `test`."""
    from flowers_tfx.config import parse_config
    from flowers_tfx.model.head_training import FeatureSet, fit_head
    from flowers_tfx.model.network import build
    from flowers_tfx.model.temperature import fit_temperature

    config = parse_config({"model": {"weights": str(weights)}})
    labels = tuple(sorted(plain.frame["label"].unique()))
    codes = np.array([labels.index(label) for label in plain.frame["label"]], np.int64)
    order = np.random.default_rng([seed, 1]).permutation(len(codes))
    train, evaluated, test = np.split(order, np.cumsum([TRAIN, EVAL, TEST]))[:3]
    network = build(config.model, len(labels), config.training.dropout, seed)
    sets = [FeatureSet(plain.features[rows], codes[rows]) for rows in (train, evaluated)]
    with tempfile.TemporaryDirectory() as logs:
        fit_head(network.head, len(labels), config.training, sets[0], sets[1], Path(logs))

    def raw(features: Any) -> Any:
        return np.asarray(network.head(features, training=False), np.float32)

    temperature = fit_temperature(raw(plain.features[evaluated]), codes[evaluated])
    seen = frozenset(plain.frame["uri"].iloc[np.concatenate([train, evaluated])])
    unseen = order[TRAIN + EVAL :]
    return Model(labels, lambda features: raw(features) / temperature, seen, unseen), plain.rows(test)
