"""One stage of training: `fit_stage` with the progress, the logs and the guards that every stage shares, and the formulas it needs."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from flowers_tfx.model.splits import Labels
from flowers_tfx.progress import Meter

_WARM_UP_SHARE = 0.07  # of all steps: about two epochs of 25

Metrics = Mapping[str, float]
Weights = Sequence[npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Epoch:
    """`metrics`: loss and accuracy on the training photos, val_loss and val_accuracy on `eval`."""

    stage: str
    number: int  # from 1
    seconds: float
    metrics: Metrics


@dataclass(frozen=True)
class Stage:
    """A stage ends before `epochs` after `patience` epochs without a lower loss on `eval`. The best epoch's weights stay."""

    name: str
    epochs: int
    steps: int  # of an epoch
    patience: int


def compile_model(model: keras.Model, optimizer: keras.optimizers.Optimizer, label_smoothing: float, xla: bool, steps: int = 1) -> None:
    """Loss and accuracy for one-hot labels. The loss on `eval` is smoothed like the loss that is trained on. `steps`: in one call of the
    graph, which changes no number."""
    model.compile(
        optimizer,
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=label_smoothing),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        jit_compile=xla,
        steps_per_execution=steps,
    )
    # Keras traces a training step twice where the first trace has to make the optimizer's variables.
    model.optimizer.build(model.trainable_variables)


def fit_stage(
    model: keras.Model, stage: Stage, train_batches: tf.data.Dataset, eval_batches: tf.data.Dataset, log_dir: Path
) -> tuple[Epoch, ...]:
    """Trains a compiled model on endless batches and leaves it with the weights of its best epoch by the loss on `eval`.

    A loss that is not finite ends the stage; the best epoch before it is used.
    """
    epochs: list[Epoch] = []
    meter, started = stage_meter(stage.name), time.monotonic()
    writer = tf.summary.create_file_writer(str(log_dir / stage.name))

    def on_epoch_end(index: int, logs: dict[str, Any]) -> None:
        number = index + 1
        metrics = {name: float(value) for name, value in logs.items()}
        seconds = time.monotonic() - started - sum(epoch.seconds for epoch in epochs)
        epochs.append(Epoch(stage.name, number, seconds, metrics))
        with writer.as_default(step=number):
            for name, value in metrics.items():
                tf.summary.scalar(name, value)
        meter(number, stage.epochs)

    callbacks = [
        keras.callbacks.LambdaCallback(on_epoch_end=on_epoch_end),
        keras.callbacks.EarlyStopping(monitor="val_loss", mode="min", patience=stage.patience, restore_best_weights=True),
        keras.callbacks.TerminateOnNaN(),
    ]
    model.fit(
        train_batches,
        epochs=stage.epochs,
        steps_per_epoch=stage.steps,
        validation_data=eval_batches,
        callbacks=callbacks,
        verbose=0,
    )
    writer.close()
    return tuple(epochs)


def score(model: keras.Model, batches: tf.data.Dataset) -> dict[str, float]:
    """Loss and accuracy of a compiled model."""
    return {name: float(value) for name, value in model.evaluate(batches, verbose=0, return_dict=True).items()}


def stage_meter(stage: str) -> Meter:
    return Meter(stage.replace("_", " "))


def weighted_batches(batches: tf.data.Dataset, classes: int, counted: Labels | None = None) -> tf.data.Dataset:
    """Batches of (inputs, labels) as (inputs, one-hot labels, weights); the weights balance the classes of `counted`."""
    weights = tf.constant([1.0] * classes if counted is None else balanced_class_weights(counted, classes), tf.float32)
    return batches.map(lambda inputs, labels: (inputs, tf.one_hot(labels, classes), tf.gather(weights, labels)))


def balanced_class_weights(labels: Labels, classes: int) -> list[float]:
    """A weight per class: each class that occurs counts the same in total, and the mean over the photos is 1."""
    counts = np.bincount(labels, minlength=classes)
    present = np.count_nonzero(counts)
    return [float(len(labels) / (present * count)) if count else 0.0 for count in counts]


def warmup_cosine_schedule(peak: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Rises from 0 to the peak, so that Adam's first steps cannot wreck pretrained layers, then falls to 0 as a cosine."""
    warm_up = min(math.ceil(steps * _WARM_UP_SHARE), steps - 1)
    if warm_up < 1:
        return keras.optimizers.schedules.CosineDecay(peak, max(steps, 1))
    return keras.optimizers.schedules.CosineDecay(0.0, steps - warm_up, warmup_target=peak, warmup_steps=warm_up)


def interpolate_weights(start: Weights, end: Weights, share: float) -> list[npt.NDArray[np.float32]]:
    """Weights at this share of the way from start to end."""
    return [(1 - share) * before + share * after for before, after in zip(start, end, strict=True)]
