"""Transfer learning in two stages, or the whole network where there are no weights to start from.

Stage 1 ("head") computes the frozen backbone's features once and trains the head on them. Stage 2 ("fine_tune") trains the last layers, or
all, on augmented pictures. The better of the two by the loss on `eval` is what comes out, so a stage 2 that collapses costs time and
nothing else. Without pretrained weights one stage ("from_scratch") trains every layer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import keras

from flowers_tfx.errors import InputError
from flowers_tfx.model import hardware
from flowers_tfx.model.fitting import Epoch, EpochCallback, Metrics
from flowers_tfx.model.network import NO_WEIGHTS, Network, NetworkSettings, build
from flowers_tfx.model.picture_set import Pictures, PictureSet
from flowers_tfx.model.recipe import TrainingSettings
from flowers_tfx.model.stages import Outcome, Stages

__all__ = ["PictureSet", "TrainResult", "TrainingFailed", "TrainingSettings", "silent", "train"]


@dataclass(frozen=True)
class TrainResult:
    """`model`: pictures of 0..255 to logits, float32 whatever precision trained it. Metrics are loss and accuracy on `eval`."""

    model: keras.Model
    network: Network
    chosen_stage: str
    eval_metrics: Metrics
    stage_metrics: dict[str, Metrics]
    history: tuple[Epoch, ...]
    seconds: dict[str, float]  # by stage, and "features"

    @property
    def trained_epochs(self) -> int:
        return len(self.history)


class TrainingFailed(RuntimeError):
    """No stage ended with a finite loss."""


def silent(_stage: str, _epoch: int, _epochs: int, _metrics: Metrics, _seconds_left: float) -> None:
    """An EpochCallback for callers that show no progress."""


def train(
    network: NetworkSettings,
    settings: TrainingSettings,
    train_set: PictureSet,
    eval_set: PictureSet,
    log_dir: str | Path,
    progress: EpochCallback = silent,
) -> TrainResult:
    """Trains and returns the best of the stages. TensorBoard logs go to a folder per stage in `log_dir`.

    Raises InputError where a split is empty or settings don't fit, TrainingFailed where every stage diverged.
    """
    _refuse_empty(network, settings, train_set, eval_set)
    hardware.make_repeatable(settings.seed)
    strategy = hardware.strategy()
    with hardware.precision_of(settings.precision) as policy, strategy.scope():
        built = build(network, settings.dropout, settings.seed)
        splits = (Pictures(train_set, network.image_size), Pictures(eval_set, network.image_size))
        stages = Stages(network, built, settings, *splits, Path(log_dir), progress)
        outcomes = _outcomes(stages)
    best = min(outcomes, key=lambda outcome: outcome.loss)
    if not math.isfinite(best.loss):
        raise TrainingFailed("Training diverged: the loss is not finite. Lower training.learning_rate.")
    if policy != "float32" or strategy.num_replicas_in_sync > 1:
        built = build(replace(network, weights=NO_WEIGHTS), settings.dropout, settings.seed)
    built.full.set_weights(best.weights)
    return TrainResult(
        model=built.full,
        network=built,
        chosen_stage=best.stage,
        eval_metrics=best.metrics,
        stage_metrics={outcome.stage: outcome.metrics for outcome in outcomes},
        history=tuple(epoch for outcome in outcomes for epoch in outcome.history),
        seconds={name: seconds for outcome in outcomes for name, seconds in outcome.seconds.items()},
    )


def _outcomes(stages: Stages) -> list[Outcome]:
    """In the order of the stages: of equally good ones the first counts."""
    if not stages.network.pretrained:
        return [stages.from_scratch()]
    outcomes = [stages.head()] if stages.settings.head_epochs > 0 else []
    return [*outcomes, stages.fine_tune()] if stages.settings.fine_tunes else outcomes


def _refuse_empty(network: NetworkSettings, settings: TrainingSettings, train_set: PictureSet, eval_set: PictureSet) -> None:
    for name, part in (("train", train_set), ("eval", eval_set)):
        if part.number < 1:
            raise InputError(f"The split {name} holds no photos.", "Ingest more photos, or change ingest.split_salt.")
    check_recipe(network, settings)


def check_recipe(network: NetworkSettings, settings: TrainingSettings) -> None:
    """Raises InputError where no stage would train anything."""
    if not network.pretrained and settings.scratch_epochs < 1:
        raise InputError("There is nothing to train: no epochs.", "Set training.fine_tune_epochs to 1 or more.")
    if network.pretrained and settings.head_epochs < 1 and not settings.fine_tunes:
        raise InputError("There is nothing to train.", "Set training.head_epochs, or training.fine_tune_layers and fine_tune_epochs.")
