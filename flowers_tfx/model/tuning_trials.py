"""One trial: training with some settings, judged on photos that its model was not trained on.

A trial is judged by the log loss after the temperature that a model gets when it is exported: label smoothing changes the loss that is
trained on, and accuracy has ties. The epochs and the temperature come from `eval`, as in Trainer; the photos that judge come from `train`.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import keras
import numpy as np
import numpy.typing as npt

from flowers_tfx.config.training import ModelConfig, TrainingConfig
from flowers_tfx.model import hardware
from flowers_tfx.model.head_training import BATCH, FeatureSet, compute_features, fit_head
from flowers_tfx.model.network import build, build_head
from flowers_tfx.model.splits import CachedSplit, Labels, SplitSource
from flowers_tfx.model.temperature import Logits, fit_temperature, log_losses
from flowers_tfx.model.training import TrainingFailed, train
from flowers_tfx.model.tuning_photos import HeldOut, choose
from flowers_tfx.model.unknown_folds import assign_folds, logits_without_own_fold

_HEAD_FOLDS = 10  # heads without a tenth of the photos each, which train at the same time
_FINE_TUNE_FOLDS = 5  # of which one judges: to train them all would take five times as long
_COMPARED_HEADS = 5  # trained with seeds of their own: what chance does to a head is as large as what settings do


@dataclass(frozen=True)
class PhotoScores:
    """Of each photo: its log loss, and whether the answer was right; the mean where several models answered."""

    losses: npt.NDArray[np.float64]
    right: npt.NDArray[np.float64]

    @staticmethod
    def of(logits: Logits, labels: Labels, temperature: float) -> PhotoScores:
        return PhotoScores(log_losses(logits / temperature, labels), np.asarray(logits.argmax(axis=1) == labels, np.float64))


class Trials(Protocol):
    def run(self, settings: TrainingConfig) -> tuple[PhotoScores, int]:
        """Scores of photos of the search, and the epochs that were trained. Raises TrainingFailed if training diverged."""

    def score_held_out(self, settings: TrainingConfig) -> PhotoScores:
        """Trained on all photos of the search, scored on the photos that were held out of it."""


class HeadTrials:
    """Heads on features that are computed once."""

    def __init__(
        self, model: ModelConfig, classes: int, settings: TrainingConfig, train_set: SplitSource, eval_set: SplitSource, held_out: HeldOut
    ) -> None:
        hardware.set_seeds(settings.seed)
        with hardware.use_precision(settings.precision):
            backbone = build(model, classes).backbone
            splits = (CachedSplit(source, model.image_size) for source in (train_set, eval_set))
            features, self._eval_set = (compute_features(model, backbone, split, original=True) for split in splits)
        self._search_set, self._held_out = features.rows(~held_out.mask), features.rows(held_out.mask)
        self._classes = classes
        self._folds = assign_folds(self._search_set.labels, settings.seed, _HEAD_FOLDS)

    def run(self, settings: TrainingConfig) -> tuple[PhotoScores, int]:
        _, temperature, best_epoch, trained = self._fit(settings)
        photos = self._search_set
        logits = logits_without_own_fold(photos.features, photos.labels, self._classes, self._folds, settings, best_epoch)
        return PhotoScores.of(logits, photos.labels, temperature), trained

    def score_held_out(self, settings: TrainingConfig) -> PhotoScores:
        scores = []
        for offset in range(_COMPARED_HEADS):
            head, temperature, _, _ = self._fit(settings.with_values({"seed": settings.seed + offset}))
            scores.append(PhotoScores.of(_head_logits(head, self._held_out), self._held_out.labels, temperature))
        return PhotoScores(np.mean([one.losses for one in scores], axis=0), np.mean([one.right for one in scores], axis=0))

    def _fit(self, settings: TrainingConfig) -> tuple[keras.Model, float, int, int]:
        """A head trained on the photos of the search: its temperature, its best epoch and the number of its epochs."""
        keras.utils.clear_session()  # else each trial's graphs stay in memory
        hardware.set_seeds(settings.seed)
        with hardware.use_precision(settings.precision), tempfile.TemporaryDirectory() as logs:
            head = build_head(self._search_set.features.shape[1], self._classes, settings.dropout, settings.seed)
            history, metrics = fit_head(head, self._classes, settings, self._search_set, self._eval_set, Path(logs))
        if not math.isfinite(metrics["loss"]):
            raise TrainingFailed("Training diverged: the loss is not finite.")
        best = min(history, key=lambda epoch: epoch.metrics["val_loss"]).number
        return head, fit_temperature(_head_logits(head, self._eval_set), self._eval_set.labels), best, len(history)


class FineTuneTrials:
    """Whole trainings, as Trainer does them."""

    def __init__(
        self, model: ModelConfig, classes: int, settings: TrainingConfig, train_set: SplitSource, eval_set: SplitSource, held_out: HeldOut
    ) -> None:
        self._model, self._classes, self._eval_set = model, classes, eval_set
        judges = np.zeros(len(held_out.mask), bool)
        judges[~held_out.mask] = assign_folds(held_out.labels[~held_out.mask], settings.seed, _FINE_TUNE_FOLDS) == 0
        self._trained, self._judging = choose(train_set, ~held_out.mask & ~judges), choose(train_set, judges)
        self._search_set, self._held_out = choose(train_set, ~held_out.mask), choose(train_set, held_out.mask)

    def run(self, settings: TrainingConfig) -> tuple[PhotoScores, int]:
        return self._train(settings, self._trained, self._judging)

    def score_held_out(self, settings: TrainingConfig) -> PhotoScores:
        return self._train(settings, self._search_set, self._held_out)[0]

    def _train(self, settings: TrainingConfig, train_set: SplitSource, scored: SplitSource) -> tuple[PhotoScores, int]:
        keras.utils.clear_session()
        with tempfile.TemporaryDirectory() as logs:
            result = train(self._model, self._classes, settings, train_set, self._eval_set, logs)
        temperature = fit_temperature(*self._answers(result.model, self._eval_set))
        return PhotoScores.of(*self._answers(result.model, scored), temperature), result.trained_epochs

    def _answers(self, network: keras.Model, source: SplitSource) -> tuple[Logits, Labels]:
        photos = CachedSplit(source, self._model.image_size)
        pictures = photos.in_order(BATCH).map(lambda picture, _label: picture)
        return np.asarray(network.predict(pictures, verbose=0), np.float32), photos.labels()


def _head_logits(head: keras.Model, photos: FeatureSet) -> Logits:
    return np.asarray(head(photos.features, training=False), np.float32)
