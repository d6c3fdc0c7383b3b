"""Transfer learning in two stages, or the whole network where there are no weights to start from.

Stage 1 ("head") computes the frozen backbone's features once and trains the head on them. Stage 2 ("fine_tune") trains
the last layers, or all, on augmented pictures. The better of the two by the loss on `eval` is what comes out, so a
stage 2 that collapses costs time and nothing else. Without pretrained weights one stage ("from_scratch") trains all.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from flowers_tfx.errors import InputError
from flowers_tfx.model import augmentation, hardware
from flowers_tfx.model.fitting import Epoch, Metrics, Progress, Stage, better, compile_for, fit, score
from flowers_tfx.model.network import NO_WEIGHTS, Network, NetworkSettings, build
from flowers_tfx.model.picture_set import Labels, Pictures, PictureSet

HEAD, FINE_TUNE, FROM_SCRATCH = "head", "fine_tune", "from_scratch"
_FEATURE_BATCH = 64
_WARM_UP_SHARE = 0.07  # of stage 2: about one epoch of 15

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TrainingSettings:
    """The recipe. benchmarks/accuracy.py says what it reaches."""

    head_epochs: int = 60
    fine_tune_layers: int = 0  # 0: no stage 2, -1: all layers
    fine_tune_epochs: int = 15
    batch_size: int = 32
    learning_rate: float = 3e-4  # peak of stage 2, and of training from scratch
    head_learning_rate: float = 1e-3
    seed: int = 0
    class_weights: bool = False
    augment: tuple[str, ...] = augmentation.NAMES
    precision: hardware.Precision = "auto"
    xla: hardware.Switch = "auto"
    dropout: float = 0.2
    label_smoothing: float = 0.1
    patience: int = 10  # epochs


@dataclass(frozen=True)
class TrainResult:
    """`model`: pictures of 0..255 to logits, float32 whatever trained it. Metrics: loss and accuracy on `eval`."""

    model: keras.Model
    network: Network
    chosen_stage: str
    eval_metrics: Metrics
    stage_metrics: dict[str, Metrics]
    history: tuple[Epoch, ...]
    seconds: dict[str, float] = field(default_factory=dict)  # by stage, and "features"

    @property
    def trained_epochs(self) -> int:
        return len(self.history)


class TrainingFailed(RuntimeError):
    """No stage ended with a finite loss."""


def silent(_stage: str, _epoch: int, _epochs: int, _metrics: Metrics, _seconds_left: float) -> None:
    """A `Progress` for callers that show none."""


def train(
    network: NetworkSettings,
    settings: TrainingSettings,
    train_set: PictureSet,
    eval_set: PictureSet,
    log_dir: str | Path,
    progress: Progress = silent,
) -> TrainResult:
    """Trains and returns the best of the stages. TensorBoard logs go to a folder per stage in `log_dir`.

    Raises InputError where a split is empty or settings don't fit, TrainingFailed where every stage diverged.
    """
    for name, part in (("train", train_set), ("eval", eval_set)):
        if part.number < 1:
            raise InputError(f"The split {name} holds no photos.", "Ingest more photos, or change ingest.split_salt.")
    hardware.make_repeatable(settings.seed)
    strategy = hardware.strategy()
    with hardware.precision_of(settings.precision) as policy, strategy.scope():
        built = build(network, settings.dropout, settings.seed)
        run = _Run(
            built,
            network,
            settings,
            Path(log_dir),
            progress,
            Pictures(train_set, network.image_size),
            Pictures(eval_set, network.image_size),
        )
        result = run.two_stages() if network.pretrained else run.from_scratch()
    if not math.isfinite(result.eval_metrics["loss"]):
        raise TrainingFailed("Training diverged: the loss is not finite. Lower training.learning_rate.")
    if policy == "float32" and strategy.num_replicas_in_sync == 1:
        return result
    plain = build(replace(network, weights=NO_WEIGHTS), settings.dropout, settings.seed)
    plain.full.set_weights(result.model.get_weights())
    return replace(result, model=plain.full, network=plain)


@dataclass(frozen=True)
class _Run:
    built: Network
    network: NetworkSettings
    settings: TrainingSettings
    log_dir: Path
    progress: Progress
    train_set: Pictures
    eval_set: Pictures

    def two_stages(self) -> TrainResult:
        if self.settings.head_epochs < 1 and not self._fine_tunes():
            raise InputError(
                "There is nothing to train.",
                "Set training.head_epochs, or training.fine_tune_layers and fine_tune_epochs.",
            )
        result = self._result()
        if self.settings.head_epochs > 0:
            result = self._head(result)
        return self._fine_tune(result) if self._fine_tunes() else result

    def from_scratch(self) -> TrainResult:
        if self.settings.fine_tune_epochs < 1:
            raise InputError(
                "Without weights every layer is trained, and training.fine_tune_epochs is 0.",
                "Set training.fine_tune_epochs.",
            )
        return self._whole_network(FROM_SCRATCH, self._result())

    def _fine_tunes(self) -> bool:
        return self.settings.fine_tune_layers != 0 and self.settings.fine_tune_epochs > 0

    def _result(self) -> TrainResult:
        return TrainResult(self.built.full, self.built, "", {"loss": math.inf, "accuracy": 0.0}, {}, (), {})

    def _head(self, result: TrainResult) -> TrainResult:
        started = time.monotonic()
        features, labels = self._features(self.train_set)
        held_out = self._with_weights(
            tf.data.Dataset.from_tensor_slices(self._features(self.eval_set)).batch(_FEATURE_BATCH), None
        )
        computed = time.monotonic()
        batch_size = min(self.settings.batch_size, len(labels))
        shuffled = tf.data.Dataset.from_tensor_slices((features, labels)).shuffle(len(labels), seed=self.settings.seed)
        batches = self._with_weights(shuffled.batch(batch_size, drop_remainder=True).repeat(), labels).prefetch(2)
        head = self.built.head
        compile_for(
            head, keras.optimizers.Adam(self.settings.head_learning_rate), self.settings.label_smoothing, self._xla()
        )
        stage = Stage(HEAD, self.settings.head_epochs, len(labels) // batch_size, self.settings.patience)
        history = fit(head, stage, batches, held_out, self.log_dir, self.progress)
        seconds = {"features": computed - started, HEAD: time.monotonic() - computed}
        return self._chosen(result, HEAD, score(head, held_out), history, seconds)

    def _features(self, pictures: Pictures) -> tuple[Array, Labels]:
        """Pooled features of every picture, [N, F], and labels: a frozen backbone's answer never changes."""
        batches = -(-pictures.number // _FEATURE_BATCH)
        started = time.monotonic()

        def on_predict_batch_end(batch: int, logs: object = None) -> None:
            left = (time.monotonic() - started) / (batch + 1) * (batches - batch - 1)
            self.progress("features", batch + 1, batches, {}, left)

        watch = keras.callbacks.LambdaCallback(on_predict_batch_end=on_predict_batch_end)
        backbone = self.built.backbone
        backbone.compile(jit_compile=self._xla())
        only_pictures = pictures.in_order(_FEATURE_BATCH).map(lambda picture, _label: picture)
        features = backbone.predict(only_pictures, callbacks=[watch], verbose=0)
        return np.asarray(features, np.float32), pictures.labels()

    def _fine_tune(self, before: TrainResult) -> TrainResult:
        weights = self.built.full.get_weights()
        self.built.unfreeze(self.settings.fine_tune_layers)
        after = self._whole_network(FINE_TUNE, before)
        if after.chosen_stage != FINE_TUNE:
            self.built.full.set_weights(weights)
        return after

    def _whole_network(self, name: str, before: TrainResult) -> TrainResult:
        started = time.monotonic()
        settings, model = self.settings, self.built.full
        labels = self.train_set.labels()
        batches = self._with_weights(
            self.train_set.shuffled(settings.batch_size, settings.seed, settings.augment), labels
        )
        held_out = self._with_weights(self.eval_set.in_order(_FEATURE_BATCH), None)
        steps = self.train_set.steps(settings.batch_size)
        optimizer = keras.optimizers.Adam(
            _warm_up_and_cosine(settings.learning_rate, steps * settings.fine_tune_epochs)
        )
        compile_for(model, optimizer, settings.label_smoothing, self._xla())
        stage = Stage(name, settings.fine_tune_epochs, steps, settings.patience)
        history = fit(model, stage, batches, held_out, self.log_dir, self.progress)
        return self._chosen(before, name, score(model, held_out), history, {name: time.monotonic() - started})

    def _chosen(
        self, before: TrainResult, stage: str, metrics: Metrics, history: tuple[Epoch, ...], seconds: dict[str, float]
    ) -> TrainResult:
        result = replace(
            before,
            history=before.history + history,
            seconds=before.seconds | seconds,
            stage_metrics=before.stage_metrics | {stage: metrics},
        )
        return (
            replace(result, chosen_stage=stage, eval_metrics=metrics)
            if better(metrics, before.eval_metrics)
            else result
        )

    def _with_weights(self, batches: tf.data.Dataset, counted: Labels | None) -> tf.data.Dataset:
        """Batches of (inputs, one-hot labels, weights); weights balance `counted`'s classes if the settings say so."""
        classes = self.network.classes
        weights = tf.constant(
            _class_weights(counted, classes)
            if counted is not None and self.settings.class_weights
            else [1.0] * classes,
            tf.float32,
        )
        return batches.map(lambda inputs, labels: (inputs, tf.one_hot(labels, classes), tf.gather(weights, labels)))

    def _xla(self) -> bool:
        return hardware.compiles_with_xla(self.settings.xla, hardware.gpus() > 0)


def _class_weights(labels: Labels, classes: int) -> list[float]:
    """Weights that give each class that occurs the same say, 1 on average over the photos."""
    counts = np.bincount(labels, minlength=classes)
    present = np.count_nonzero(counts)
    return [float(len(labels) / (present * count)) if count else 0.0 for count in counts]


def _warm_up_and_cosine(peak: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Up from 0 to the peak, so that Adam's first guesses can't wreck pretrained layers, then down to 0."""
    warm_up = min(math.ceil(steps * _WARM_UP_SHARE), steps - 1)
    if warm_up < 1:
        return keras.optimizers.schedules.CosineDecay(peak, max(steps, 1))
    return keras.optimizers.schedules.CosineDecay(0.0, steps - warm_up, warmup_target=peak, warmup_steps=warm_up)
