"""Hardware settings for training: devices, precision, XLA and random seeds. Nothing is set when the module is imported.

On a CPU, plain float32 without XLA is best (mixed_bfloat16 is no faster, XLA has 0.04 times its speed). The choices for GPUs
follow TensorFlow's guides and have not been run on one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf

from flowers_tfx.config.training import Precision, Switch


def gpu_count() -> int:
    return len(tf.config.list_logical_devices("GPU"))


def strategy(devices: tuple[str, ...] = ()) -> tf.distribute.Strategy:
    """A copy of the model on each GPU if there are several (or on each of `devices`), else TensorFlow's default, one device."""
    if devices:
        return tf.distribute.MirroredStrategy(devices)
    return tf.distribute.MirroredStrategy() if gpu_count() > 1 else tf.distribute.get_strategy()


def precision_policy(precision: Precision, on_gpu: bool) -> str:
    """Name of Keras' dtype policy."""
    if precision != "auto":
        return precision
    return "mixed_float16" if on_gpu else "float32"


def xla_enabled(xla: Switch, on_gpu: bool) -> bool:
    return on_gpu if xla == "auto" else xla == "on"


@contextmanager
def use_precision(precision: Precision) -> Iterator[str]:
    """Layers made inside the block have this precision; afterwards Keras has its earlier policy again."""
    before = keras.config.dtype_policy()
    name = precision_policy(precision, gpu_count() > 0)
    keras.config.set_dtype_policy(name)
    try:
        yield name
    finally:
        keras.config.set_dtype_policy(before)


def set_seeds(seed: int) -> None:
    """Seeds Python, NumPy, TensorFlow and Keras; on a CPU the same seed then gives the same weights, bit for bit.

    `enable_op_determinism` stays off: it limits a CPU to about one core (an epoch took 1.8 times as long), and the operations of these
    networks are deterministic without it, which a test checks.
    """
    keras.utils.set_random_seed(seed)
