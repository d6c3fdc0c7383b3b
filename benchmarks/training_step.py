"""What a step of fine-tuning costs beside the same network with Keras' own layers, and beside the floor that its multiplications set.

`benchmarks/train.py` measures and shows it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

CLASSES = 5
STEPS, ROUNDS = 8, 3  # that are timed together, and how often
MATRIX = 2048  # rows and columns of the product that measures the processor's speed


def measure_step(model: dict[str, Any]) -> dict[str, float]:
    """A step of fine-tuning all layers. CPU times of all threads, ms a photo, the least of several rounds; `floor` is the time that the
    multiplications of the step take at the speed of a large matrix product."""
    import tensorflow as tf

    from flowers_tfx.config import ModelConfig, TrainingConfig
    from flowers_tfx.model.network import build

    settings, side = TrainingConfig(), model["image_size"]
    network = build(ModelConfig(**model), CLASSES, settings.dropout)
    network.unfreeze(-1)
    size = settings.batch_size
    pictures = tf.random.stateless_uniform([size, side, side, 3], [0, 0], 0, 255)
    labels = tf.one_hot(tf.range(size) % CLASSES, CLASSES)
    by_keras = training_step(network, lambda inputs: network.application(inputs / 127.5 - 1, training=False), settings.learning_rate)
    by_program = training_step(network, network.backbone, settings.learning_rate)
    matrix = tf.random.stateless_uniform([MATRIX, MATRIX], [0, 0])
    gflops = 2e-9 * MATRIX**3 / cpu_seconds(lambda: tf.matmul(matrix, matrix))
    augmented = augmented_batches(size, side, settings.seed)
    costs = {
        "augmentation": cpu_seconds(lambda: next(augmented)),
        "keras": cpu_seconds(lambda: by_keras(pictures, labels)),
        "program": cpu_seconds(lambda: by_program(pictures, labels)),
        "forward": cpu_seconds(tf.function(lambda: network.backbone(pictures))),
    }
    milliseconds = {name: round(1e3 * seconds / size, 2) for name, seconds in costs.items()}
    forward, first = multiplications(network.application)
    floor = 2e-6 * (3 * forward - first) / gflops
    return {
        **{f"{name}_ms": value for name, value in milliseconds.items()},
        "megaflops": round(2e-6 * (3 * forward - first)),
        "gflops_of_a_core": round(gflops),
        "floor_ms": round(floor, 2),
        "keras_over_program": round(milliseconds["keras"] / milliseconds["program"], 2),
        "program_over_floor": round(milliseconds["program"] / floor, 1),
    }


def training_step(network: Any, features: Callable[[Any], Any], learning_rate: float) -> Callable[[Any, Any], Any]:
    import keras
    import tensorflow as tf

    optimizer, loss = keras.optimizers.Adam(learning_rate), keras.losses.CategoricalCrossentropy(from_logits=True)
    variables = network.full.trainable_variables
    optimizer.build(variables)

    @tf.function
    def step(pictures: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            value = loss(labels, network.head(features(pictures), training=True))
        optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
        return value

    return step


def augmented_batches(batch_size: int, side: int, seed: int) -> Iterator[Any]:
    import tensorflow as tf

    from flowers_tfx.config.training import AUGMENTATIONS
    from flowers_tfx.model.splits import CachedSplit, SplitSource

    pictures, labels = np.zeros((batch_size, side, side, 3), np.uint8), np.zeros(batch_size, np.int64)
    source = SplitSource(batch_size, lambda: tf.data.Dataset.from_tensor_slices((pictures, labels)))
    return iter(CachedSplit(source, side).shuffled(batch_size, seed, AUGMENTATIONS))


def cpu_seconds(run: Callable[[], Any]) -> float:
    """CPU time of all threads for one call, after a warm-up."""

    def timed() -> float:
        started = time.process_time()
        for _ in range(STEPS):
            run()
        return (time.process_time() - started) / STEPS

    timed()
    return min(timed() for _ in range(ROUNDS))


def multiplications(application: Any) -> tuple[int, int]:
    """Multiply-adds of a photo's way through the network, and those of its first layer. The way back costs as much for the kernels and
    again for the activations, except those of the first layer: pictures need no gradients."""
    layers = [layer for layer in application.layers if hasattr(layer, "kernel")]
    counts = [math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:-1]) for layer in layers]
    return sum(counts), counts[0]
