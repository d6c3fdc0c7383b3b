"""Transfer learning in two stages, or training of the whole network without pretrained weights.

Stage 1 ("head") computes the frozen backbone's features once and trains the head on them. Stage 2 ("fine_tune") trains the last layers, or
all, on augmented pictures. The result is the better of the two by the loss on `eval`, so a stage 2 that diverges costs only
time. Without pretrained weights a single stage ("from_scratch") trains every layer.

A warm start puts the serving model's weights in place of the pretrained ones and of the new head, and trains the same stages. Without
pretrained weights its single stage is "fine_tune".
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import keras
import tensorflow as tf

from flowers_tfx.config.training import NO_WEIGHTS, ModelConfig, TrainingConfig
from flowers_tfx.model import hardware
from flowers_tfx.model.fitting import (
    Epoch,
    Metrics,
    Stage,
    Weights,
    compile_model,
    fit_stage,
    interpolate_weights,
    score,
    warmup_cosine_schedule,
    weighted_batches,
)
from flowers_tfx.model.head_training import BATCH, FEATURES, HEAD, FeatureSet, compute_features, fit_head
from flowers_tfx.model.network import Network, build
from flowers_tfx.model.splits import CachedSplit, SplitSource
from flowers_tfx.model.starting_model import StartingModel, load_weights
from flowers_tfx.model.training_checks import check_not_empty, check_trainable

FINE_TUNE, FROM_SCRATCH = "fine_tune", "from_scratch"
_SHARES = (0.25, 0.5, 0.75)  # of the way from the weights before fine-tuning to those after it


@dataclass(frozen=True)
class TrainResult:
    """`model`: pictures of 0..255 to logits, float32 whatever precision trained it. Metrics are loss and accuracy on `eval`.
    `backbone_trained`: whether photos changed the backbone, in this training or before it; `start`: the model of a warm start."""

    model: keras.Model
    network: Network
    chosen_stage: str
    eval_metrics: Metrics
    stage_metrics: dict[str, Metrics]
    history: tuple[Epoch, ...]
    seconds: dict[str, float]  # by stage, and "features"
    backbone_trained: bool
    start: StartingModel | None = None

    @property
    def trained_epochs(self) -> int:
        return len(self.history)

    @property
    def head_epochs(self) -> int:
        """Epochs that made the head what it is: up to the best one of this training, and those of the starting model."""
        epochs = [epoch for epoch in self.history if epoch.stage == HEAD]
        best = min(epochs, key=lambda epoch: epoch.metrics["val_loss"]).number if epochs else 0
        return best + (self.start.head_epochs if self.start else 0)


class TrainingFailed(RuntimeError):
    """No stage ended with a finite loss."""


def train(
    model: ModelConfig,
    classes: int,
    settings: TrainingConfig,
    train_set: SplitSource,
    eval_set: SplitSource,
    log_dir: str | Path,
    start: StartingModel | None = None,
) -> TrainResult:
    """Trains and returns the best of the stages. TensorBoard logs go to a folder per stage in `log_dir`.

    Raises InputError for an empty split, nothing to train or a start from another network, TrainingFailed if every stage diverged.
    """
    check_trainable(model, classes, settings)
    check_not_empty(train_set, eval_set)
    hardware.set_seeds(settings.seed)
    strategy = hardware.strategy()
    with hardware.use_precision(settings.precision) as policy, strategy.scope():
        network = build(model, classes, settings.dropout, settings.seed)
        changed_backbone = load_weights(network, start) if start else False
        splits = (CachedSplit(train_set, model.image_size), CachedSplit(eval_set, model.image_size))
        outcomes = _Training(model, network, classes, settings, *splits, Path(log_dir), start is not None, changed_backbone).run_stages()
    best = min(outcomes, key=lambda outcome: outcome.loss)
    if not math.isfinite(best.loss):
        raise TrainingFailed("Training diverged: the loss is not finite. Lower training.learning_rate.")
    if policy != "float32" or strategy.num_replicas_in_sync > 1:
        network = build(model.model_copy(update={"weights": NO_WEIGHTS}), classes, settings.dropout, settings.seed)
    network.full.set_weights(best.weights)
    return TrainResult(
        model=network.full,
        network=network,
        chosen_stage=best.stage,
        eval_metrics=best.metrics,
        stage_metrics={outcome.stage: outcome.metrics for outcome in outcomes},
        history=tuple(epoch for outcome in outcomes for epoch in outcome.history),
        seconds={name: seconds for outcome in outcomes for name, seconds in outcome.seconds.items()},
        backbone_trained=changed_backbone or best.stage != HEAD,
        start=start,
    )


@dataclass(frozen=True)
class _Outcome:
    """What a stage ended with: `weights` of `Network.full`, and its `metrics`, loss and accuracy on `eval`, with these weights."""

    stage: str
    weights: Weights
    metrics: Metrics
    history: tuple[Epoch, ...]
    seconds: dict[str, float]

    @property
    def loss(self) -> float:
        loss = self.metrics["loss"]
        return loss if math.isfinite(loss) else math.inf


@dataclass(frozen=True)
class _Training:
    """The stages on one network. Each leaves the network with the weights that it ended with. `warm`: the network has a starting model's
    weights; `changed_backbone`: and they differ from those of `model.weights`."""

    model: ModelConfig
    network: Network
    classes: int
    settings: TrainingConfig
    train_set: CachedSplit
    eval_set: CachedSplit
    log_dir: Path
    warm: bool
    changed_backbone: bool

    def run_stages(self) -> list[_Outcome]:
        """Trains the stages in order and returns their outcomes; of equally good ones the first wins."""
        if not self.model.pretrained:
            return [self._train_every_layer()]
        outcomes = [self._train_head()] if self.settings.head_epochs > 0 else []
        return [*outcomes, self._fine_tune()] if self.settings.fine_tunes else outcomes

    def _train_head(self) -> _Outcome:
        """Trains the head on the frozen backbone's features, which never change and are therefore computed once."""
        started = time.monotonic()
        self.network.backbone.compile(jit_compile=self._xla())
        train_set, eval_set = self._features(self.train_set), self._features(self.eval_set)
        computed = time.monotonic()
        history, metrics = fit_head(self.network.head, self.classes, self.settings, train_set, eval_set, self.log_dir)
        seconds = {FEATURES: computed - started, HEAD: time.monotonic() - computed}
        return _Outcome(HEAD, self.network.full.get_weights(), metrics, history, seconds)

    def _fine_tune(self) -> _Outcome:
        """Trains the last layers, then takes the best of a few points between the weights before and after.

        Points in between need no training, and one of them is often better than the end: on 800 photos the end is overfitted
        (WiSE-FT, Wortsman et al. 2022).
        """
        before = self.network.full.get_weights()
        self.network.unfreeze(self.settings.fine_tune_layers)
        end = self._train_network(FINE_TUNE, self.settings.fine_tune_epochs)
        if not math.isfinite(end.loss):
            return end
        points = [self._score_weights(interpolate_weights(before, end.weights, share), end) for share in _SHARES]
        return min([end, *points], key=lambda outcome: outcome.loss)

    def _train_every_layer(self) -> _Outcome:
        """A head learns almost nothing from features of random weights."""
        self.network.unfreeze(-1)
        return self._train_network(FINE_TUNE if self.warm else FROM_SCRATCH, self.settings.scratch_epochs)

    def _train_network(self, name: str, epochs: int) -> _Outcome:
        started = time.monotonic()
        settings, model = self.settings, self.network.full
        shuffled = self.train_set.shuffled(settings.batch_size, settings.seed, settings.augment)
        counted = self.train_set.labels() if settings.class_weights else None
        batches = weighted_batches(shuffled, self.classes, counted)
        steps = self.train_set.steps(settings.batch_size)
        self._compile(model, keras.optimizers.Adam(warmup_cosine_schedule(settings.learning_rate, steps * epochs)))
        stage = Stage(name, epochs, steps, settings.patience)
        history = fit_stage(model, stage, batches, self._eval_batches(), self.log_dir)
        metrics = score(model, self._eval_batches())
        return _Outcome(name, model.get_weights(), metrics, history, {name: time.monotonic() - started})

    def _score_weights(self, weights: Weights, end: _Outcome) -> _Outcome:
        self.network.full.set_weights(weights)
        return _Outcome(end.stage, weights, score(self.network.full, self._eval_batches()), end.history, end.seconds)

    def _features(self, pictures: CachedSplit) -> FeatureSet:
        return compute_features(self.model, self.network.backbone, pictures, not self.changed_backbone)

    def _eval_batches(self) -> tf.data.Dataset:
        return weighted_batches(self.eval_set.in_order(BATCH), self.classes)

    def _compile(self, model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
        compile_model(model, optimizer, self.settings.label_smoothing, self._xla())

    def _xla(self) -> bool:
        return hardware.xla_enabled(self.settings.xla, hardware.gpu_count() > 0)
