"""One stage of training: `fit` with the progress, the logs and the guards that every stage shares."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

Metrics = Mapping[str, float]
# stage, epoch from 1, epochs at most, metrics of this epoch, estimated seconds left in this stage
EpochCallback = Callable[[str, int, int, Metrics, float], None]


@dataclass(frozen=True)
class Epoch:
    """`metrics`: loss and accuracy on what was trained on, val_loss and val_accuracy on `eval`."""

    stage: str
    number: int  # from 1
    seconds: float
    metrics: Metrics


@dataclass(frozen=True)
class Stage:
    """`patience` epochs without a lower loss on `eval` end it before `epochs`. The best epoch's weights stay."""

    name: str
    epochs: int
    steps: int
    patience: int


def compile_for(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    label_smoothing: float,
    xla: bool,
    steps_per_call: int = 1,
) -> None:
    """Loss and accuracy for one-hot labels. The loss on `eval` is smoothed as the one that is trained on."""
    model.compile(
        optimizer,
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=label_smoothing),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        jit_compile=xla,
        steps_per_execution=steps_per_call,
    )


def fit(
    model: keras.Model,
    stage: Stage,
    train: tf.data.Dataset,
    held_out: tf.data.Dataset,
    log_dir: Path,
    progress: EpochCallback,
) -> tuple[Epoch, ...]:
    """Trains a compiled model on endless batches; leaves it with the weights of its best epoch by the loss on `eval`.

    A loss that is not finite ends the stage; the best epoch before it counts.
    """
    epochs: list[Epoch] = []
    clock = _Clock()
    writer = tf.summary.create_file_writer(str(log_dir / stage.name))

    def on_epoch_end(number: int, logs: dict[str, Any]) -> None:
        metrics = {name: float(value) for name, value in logs.items()}
        epochs.append(Epoch(stage.name, number + 1, clock.lap(), metrics))
        with writer.as_default(step=number + 1):
            for name, value in metrics.items():
                tf.summary.scalar(name, value)
        progress(stage.name, number + 1, stage.epochs, metrics, clock.mean() * (stage.epochs - number - 1))

    best = keras.callbacks.EarlyStopping(monitor="val_loss", mode="min", patience=stage.patience, restore_best_weights=True)
    watch = keras.callbacks.LambdaCallback(on_epoch_end=on_epoch_end)
    callbacks = [watch, best, keras.callbacks.TerminateOnNaN()]
    model.fit(
        train,
        epochs=stage.epochs,
        steps_per_epoch=stage.steps,
        validation_data=held_out,
        callbacks=callbacks,
        verbose=0,
    )
    writer.close()
    return tuple(epochs)


def score(model: keras.Model, held_out: tf.data.Dataset) -> dict[str, float]:
    """Loss and accuracy of a compiled model."""
    return {name: float(value) for name, value in model.evaluate(held_out, verbose=0, return_dict=True).items()}


class _Clock:
    def __init__(self) -> None:
        self._last = time.monotonic()
        self._laps: list[float] = []

    def lap(self) -> float:
        now = time.monotonic()
        self._laps.append(now - self._last)
        self._last = now
        return self._laps[-1]

    def mean(self) -> float:
        """Seconds an epoch; the first one, which builds the graph, counts only while it is alone."""
        laps = self._laps[1:] or self._laps
        return sum(laps) / len(laps)
