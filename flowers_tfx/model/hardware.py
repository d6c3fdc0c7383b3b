"""What to train on: devices, precision, XLA and repeatability, each chosen inside a function and put back afterwards.

On a CPU plain float32 without XLA is fastest by far (mixed_bfloat16 0.6x, XLA 0.07x of it). The choices for GPUs
follow TensorFlow's guides and have not been run on one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import keras
import tensorflow as tf

Precision = Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"]
Switch = Literal["auto", "on", "off"]


def gpus() -> int:
    return len(tf.config.list_logical_devices("GPU"))


def strategy(devices: tuple[str, ...] = ()) -> tf.distribute.Strategy:
    """Copies on all GPUs where there are several (or on `devices`), else TensorFlow's default, one device."""
    if devices:
        return tf.distribute.MirroredStrategy(devices)
    return tf.distribute.MirroredStrategy() if gpus() > 1 else tf.distribute.get_strategy()


def precision_policy(precision: Precision, on_gpu: bool) -> str:
    """Name of Keras' dtype policy."""
    if precision != "auto":
        return precision
    return "mixed_float16" if on_gpu else "float32"


def compiles_with_xla(xla: Switch, on_gpu: bool) -> bool:
    return on_gpu if xla == "auto" else xla == "on"


@contextmanager
def precision_of(precision: Precision) -> Iterator[str]:
    """Layers made inside have this precision; the policy from before is put back."""
    before = keras.config.dtype_policy()
    name = precision_policy(precision, gpus() > 0)
    keras.config.set_dtype_policy(name)
    try:
        yield name
    finally:
        keras.config.set_dtype_policy(before)


def make_repeatable(seed: int) -> None:
    """Seeds Python, NumPy, TensorFlow and Keras; on a CPU the same seed then gives the same weights, bit for bit.

    `enable_op_determinism` is left off: it holds a CPU to about one core (an epoch took 1.8 times as long), and the ops of these
    networks repeat without it, which a test holds to.
    """
    keras.utils.set_random_seed(seed)
