"""Transfer learning in two stages, or training of the whole network without pretrained weights.

Stage 1 ("head") computes the frozen backbone's features once and trains the head on them. Stage 2 ("fine_tune") trains the last layers, or
all, on augmented pictures. The result is the better of the two by the loss on `eval`, so a stage 2 that diverges costs only
time. Without pretrained weights a single stage ("from_scratch") trains every layer.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from flowers_tfx.config.training import NO_WEIGHTS, ModelConfig, TrainingConfig
from flowers_tfx.errors import InputError
from flowers_tfx.model import hardware
from flowers_tfx.model.backbone_features import backbone_features
from flowers_tfx.model.fitting import (
    Epoch,
    Metrics,
    Stage,
    Weights,
    balanced_class_weights,
    compile_model,
    fit_stage,
    interpolate_weights,
    score,
    stage_meter,
    warmup_cosine_schedule,
)
from flowers_tfx.model.network import Network, build
from flowers_tfx.model.splits import CachedSplit, Labels, SplitSource

FEATURES, HEAD, FINE_TUNE, FROM_SCRATCH = "features", "head", "fine_tune", "from_scratch"
_BATCH = 64  # for inference
_SHARES = (0.25, 0.5, 0.75)  # of the way from the weights before fine-tuning to those after it


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


def train(
    model: ModelConfig,
    classes: int,
    settings: TrainingConfig,
    train_set: SplitSource,
    eval_set: SplitSource,
    log_dir: str | Path,
) -> TrainResult:
    """Trains and returns the best of the stages. TensorBoard logs go to a folder per stage in `log_dir`.

    Raises InputError if a split is empty or nothing would be trained, TrainingFailed if every stage diverged.
    """
    check_trainable(model, classes, settings)
    for name, part in (("train", train_set), ("eval", eval_set)):
        if part.number < 1:
            raise InputError(f"The split {name} holds no photos.", "Ingest more photos, or change ingest.split_salt.")
    hardware.set_seeds(settings.seed)
    strategy = hardware.strategy()
    with hardware.use_precision(settings.precision) as policy, strategy.scope():
        network = build(model, classes, settings.dropout, settings.seed)
        splits = (CachedSplit(train_set, model.image_size), CachedSplit(eval_set, model.image_size))
        outcomes = _Training(model, network, classes, settings, *splits, Path(log_dir)).run_stages(model.pretrained)
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
    )


def check_trainable(model: ModelConfig, classes: int, settings: TrainingConfig) -> None:
    """Raises InputError for fewer than two classes, and if no stage would train anything."""
    if classes < 2:
        raise InputError(f"A classifier needs two classes or more, not {classes}.", "Name them with the configuration key `labels`.")
    if not model.pretrained and settings.scratch_epochs < 1:
        raise InputError("There is nothing to train: no epochs.", "Set training.fine_tune_epochs to 1 or more.")
    if model.pretrained and settings.head_epochs < 1 and not settings.fine_tunes:
        raise InputError("There is nothing to train.", "Set training.head_epochs, or training.fine_tune_layers and fine_tune_epochs.")


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
    """The stages on one network. Each leaves the network with the weights that it ended with."""

    model: ModelConfig
    network: Network
    classes: int
    settings: TrainingConfig
    train_set: CachedSplit
    eval_set: CachedSplit
    log_dir: Path

    def run_stages(self, pretrained: bool) -> list[_Outcome]:
        """Trains the stages in order and returns their outcomes; of equally good ones the first wins."""
        if not pretrained:
            return [self._train_from_scratch()]
        outcomes = [self._train_head()] if self.settings.head_epochs > 0 else []
        return [*outcomes, self._fine_tune()] if self.settings.fine_tunes else outcomes

    def _train_head(self) -> _Outcome:
        """Trains the head on the frozen backbone's features, which never change and are therefore computed once."""
        started = time.monotonic()
        settings, head = self.settings, self.network.head
        self.network.backbone.compile(jit_compile=self._xla())
        features, labels = self._features(self.train_set)
        eval_batches = self._weighted(tf.data.Dataset.from_tensor_slices(self._features(self.eval_set)).batch(_BATCH))
        computed = time.monotonic()
        batch_size = min(settings.batch_size, len(labels))
        shuffled = tf.data.Dataset.from_tensor_slices((features, labels)).shuffle(len(labels), seed=settings.seed)
        batches = self._weighted(shuffled.batch(batch_size, drop_remainder=True).repeat(), labels).prefetch(2)
        self._compile(head, keras.optimizers.Adam(settings.head_learning_rate))
        stage = Stage(HEAD, settings.head_epochs, len(labels) // batch_size, settings.patience)
        history = fit_stage(head, stage, batches, eval_batches, self.log_dir)
        seconds = {FEATURES: computed - started, HEAD: time.monotonic() - computed}
        return _Outcome(HEAD, self.network.full.get_weights(), score(head, eval_batches), history, seconds)

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

    def _train_from_scratch(self) -> _Outcome:
        """Trains every layer: a head learns almost nothing from features of random weights."""
        self.network.unfreeze(-1)
        return self._train_network(FROM_SCRATCH, self.settings.scratch_epochs)

    def _train_network(self, name: str, epochs: int) -> _Outcome:
        started = time.monotonic()
        settings, model = self.settings, self.network.full
        shuffled = self.train_set.shuffled(settings.batch_size, settings.seed, settings.augment)
        batches = self._weighted(shuffled, self.train_set.labels())
        steps = self.train_set.steps(settings.batch_size)
        self._compile(model, keras.optimizers.Adam(warmup_cosine_schedule(settings.learning_rate, steps * epochs)))
        stage = Stage(name, epochs, steps, settings.patience)
        history = fit_stage(model, stage, batches, self._eval_batches(), self.log_dir)
        metrics = score(model, self._eval_batches())
        return _Outcome(name, model.get_weights(), metrics, history, {name: time.monotonic() - started})

    def _score_weights(self, weights: Weights, end: _Outcome) -> _Outcome:
        self.network.full.set_weights(weights)
        return _Outcome(end.stage, weights, score(self.network.full, self._eval_batches()), end.history, end.seconds)

    def _features(self, pictures: CachedSplit) -> tuple[npt.NDArray[np.float32], Labels]:
        """Pooled features of every picture, [N, F], and labels."""
        meter = stage_meter(FEATURES)
        if hardware.gpu_count() == 0 and keras.config.dtype_policy().name == "float32":
            return backbone_features(self.model, self.network.backbone, pictures, meter), pictures.labels()
        batches = -(-pictures.number // _BATCH)
        watch = keras.callbacks.LambdaCallback(on_predict_batch_end=lambda batch, logs=None: meter(batch + 1, batches))
        only_pictures = pictures.in_order(_BATCH).map(lambda picture, _label: picture)
        features = self.network.backbone.predict(only_pictures, callbacks=[watch], verbose=0)
        return np.asarray(features, np.float32), pictures.labels()

    def _eval_batches(self) -> tf.data.Dataset:
        return self._weighted(self.eval_set.in_order(_BATCH))

    def _weighted(self, batches: tf.data.Dataset, counted: Labels | None = None) -> tf.data.Dataset:
        """Batches of (inputs, one-hot labels, weights); weights balance the classes of `counted` if the settings say so."""
        classes = self.classes
        by_class = [1.0] * classes if counted is None or not self.settings.class_weights else balanced_class_weights(counted, classes)
        weights = tf.constant(by_class, tf.float32)
        return batches.map(lambda inputs, labels: (inputs, tf.one_hot(labels, classes), tf.gather(weights, labels)))

    def _compile(self, model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
        compile_model(model, optimizer, self.settings.label_smoothing, self._xla())

    def _xla(self) -> bool:
        return hardware.xla_enabled(self.settings.xla, hardware.gpu_count() > 0)
