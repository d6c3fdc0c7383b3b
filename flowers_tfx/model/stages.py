"""The stages of training, each of which ends in an `Outcome`: weights, and how good they are on `eval`."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from flowers_tfx.model import hardware
from flowers_tfx.model.fitting import Epoch, EpochCallback, Metrics, Stage, compile_for, fit, score
from flowers_tfx.model.network import Network, NetworkSettings
from flowers_tfx.model.picture_set import Labels, Pictures
from flowers_tfx.model.recipe import TrainingSettings, Weights, balanced, between, warm_up_and_cosine

FEATURES, HEAD, FINE_TUNE, FROM_SCRATCH = "features", "head", "fine_tune", "from_scratch"
_BATCH = 64  # where nothing is trained
_SHARES = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Outcome:
    """`metrics` are loss and accuracy on `eval` of the network with these `weights` (of `Network.full`)."""

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
class Stages:
    """The stages on one network, which each leaves with the weights that it ended at."""

    network: NetworkSettings
    built: Network
    settings: TrainingSettings
    train_set: Pictures
    eval_set: Pictures
    log_dir: Path
    progress: EpochCallback

    def head(self) -> Outcome:
        """Trains the head on the frozen backbone's features, which never change and are therefore computed once."""
        started = time.monotonic()
        self.built.backbone.compile(jit_compile=self._xla())
        features, labels = self._features(self.train_set)
        held_out = self._weighted(tf.data.Dataset.from_tensor_slices(self._features(self.eval_set)).batch(_BATCH))
        computed = time.monotonic()
        batch_size = min(self.settings.batch_size, len(labels))
        shuffled = tf.data.Dataset.from_tensor_slices((features, labels)).shuffle(len(labels), seed=self.settings.seed)
        batches = self._weighted(shuffled.batch(batch_size, drop_remainder=True).repeat(), labels).prefetch(2)
        head = self.built.head
        self._compile(head, keras.optimizers.Adam(self.settings.head_learning_rate))
        stage = Stage(HEAD, self.settings.head_epochs, len(labels) // batch_size, self.settings.patience)
        history = fit(head, stage, batches, held_out, self.log_dir, self.progress)
        seconds = {FEATURES: computed - started, HEAD: time.monotonic() - computed}
        return Outcome(HEAD, self.built.full.get_weights(), score(head, held_out), history, seconds)

    def fine_tune(self) -> Outcome:
        """Trains the last layers, then takes the best of a few points between the weights before and after.

        The way between is free to walk, and a point on it is often better than its end: on 800 photos the end has learnt them by heart
        (WiSE-FT, Wortsman et al. 2022).
        """
        before = self.built.full.get_weights()
        self.built.unfreeze(self.settings.fine_tune_layers)
        end = self._whole_network(FINE_TUNE, self.settings.fine_tune_epochs)
        if not math.isfinite(end.loss):
            return end
        points = [self._at(between(before, end.weights, share), end) for share in _SHARES]
        return min([end, *points], key=lambda outcome: outcome.loss)

    def from_scratch(self) -> Outcome:
        """Trains every layer: features of random weights tell a head next to nothing."""
        self.built.unfreeze(-1)
        return self._whole_network(FROM_SCRATCH, self.settings.scratch_epochs)

    def _whole_network(self, name: str, epochs: int) -> Outcome:
        started = time.monotonic()
        settings, model = self.settings, self.built.full
        shuffled = self.train_set.shuffled(settings.batch_size, settings.seed, settings.augment)
        batches = self._weighted(shuffled, self.train_set.labels())
        steps = self.train_set.steps(settings.batch_size)
        self._compile(model, keras.optimizers.Adam(warm_up_and_cosine(settings.learning_rate, steps * epochs)))
        stage = Stage(name, epochs, steps, settings.patience)
        history = fit(model, stage, batches, self._held_out(), self.log_dir, self.progress)
        metrics = score(model, self._held_out())
        return Outcome(name, model.get_weights(), metrics, history, {name: time.monotonic() - started})

    def _at(self, weights: Weights, end: Outcome) -> Outcome:
        self.built.full.set_weights(weights)
        return Outcome(end.stage, weights, score(self.built.full, self._held_out()), end.history, end.seconds)

    def _features(self, pictures: Pictures) -> tuple[npt.NDArray[np.float32], Labels]:
        """Pooled features of every picture, [N, F], and labels."""
        batches = -(-pictures.number // _BATCH)
        started = time.monotonic()

        def on_predict_batch_end(batch: int, logs: object = None) -> None:
            left = (time.monotonic() - started) / (batch + 1) * (batches - batch - 1)
            self.progress(FEATURES, batch + 1, batches, {}, left)

        watch = keras.callbacks.LambdaCallback(on_predict_batch_end=on_predict_batch_end)
        only_pictures = pictures.in_order(_BATCH).map(lambda picture, _label: picture)
        features = self.built.backbone.predict(only_pictures, callbacks=[watch], verbose=0)
        return np.asarray(features, np.float32), pictures.labels()

    def _held_out(self) -> tf.data.Dataset:
        return self._weighted(self.eval_set.in_order(_BATCH))

    def _weighted(self, batches: tf.data.Dataset, counted: Labels | None = None) -> tf.data.Dataset:
        """Batches of (inputs, one-hot labels, weights); weights balance the classes of `counted` if the settings say so."""
        classes = self.network.classes
        by_class = [1.0] * classes if counted is None or not self.settings.class_weights else balanced(counted, classes)
        weights = tf.constant(by_class, tf.float32)
        return batches.map(lambda inputs, labels: (inputs, tf.one_hot(labels, classes), tf.gather(weights, labels)))

    def _compile(self, model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
        compile_for(model, optimizer, self.settings.label_smoothing, self._xla())

    def _xla(self) -> bool:
        return hardware.compiles_with_xla(self.settings.xla, hardware.gpus() > 0)
