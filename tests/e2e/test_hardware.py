"""Choices of precision, XLA and devices, and that they are put back. Several devices are logical CPUs, in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest
import tensorflow as tf

from flowers_tfx.config import ModelConfig, TrainingConfig
from flowers_tfx.config.training import Precision
from flowers_tfx.model import hardware

ROOT = Path(__file__).resolve().parents[2]

TWO_DEVICES = """
import sys
import numpy as np
import tensorflow as tf
from unittest import mock
cpus = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2)
from flowers_tfx.config import ModelConfig, TrainingConfig
from flowers_tfx.model import hardware, training
from flowers_tfx.model.splits import SplitSource
two = hardware.strategy(("CPU:0", "CPU:1"))
assert two.num_replicas_in_sync == 2
rng = np.random.default_rng(0)
pictures, labels = rng.integers(0, 256, (32, 32, 32, 3), dtype=np.uint8), np.arange(32) % 2
split = SplitSource(32, lambda: tf.data.Dataset.from_tensor_slices((pictures, labels)))
settings = TrainingConfig(fine_tune_epochs=2, batch_size=8, learning_rate=1e-3, augment=())
with mock.patch.object(hardware, "strategy", lambda: two):
    model = ModelConfig(backbone="MobileNet", alpha=0.25, image_size=32, weights="none")
    result = training.train(model, 2, settings, split, split, sys.argv[1])
assert result.trained_epochs == 2
answers = result.model(pictures, training=False).numpy()
assert np.isfinite(answers).all()
assert (answers.argmax(1) == labels).mean() == result.eval_metrics["accuracy"]
print("trained on two devices")
"""


@pytest.mark.parametrize(
    ("asked", "on_gpu", "policy"),
    [
        ("auto", False, "float32"),
        ("auto", True, "mixed_float16"),
        ("float32", True, "float32"),
        ("mixed_bfloat16", False, "mixed_bfloat16"),
    ],
)
def test_precision(asked: Precision, on_gpu: bool, policy: str) -> None:
    assert hardware.precision_policy(asked, on_gpu) == policy


def test_xla_is_for_gpus_unless_asked_for() -> None:
    assert [hardware.xla_enabled("auto", on_gpu) for on_gpu in (False, True)] == [False, True]
    assert hardware.xla_enabled("on", False)
    assert not hardware.xla_enabled("off", True)


def test_the_use_precision_before_comes_back_even_after_an_error() -> None:
    before = keras.config.dtype_policy()
    with pytest.raises(ZeroDivisionError), hardware.use_precision("mixed_bfloat16") as name:
        assert name == keras.config.dtype_policy().name == "mixed_bfloat16"
        raise ZeroDivisionError
    assert keras.config.dtype_policy() == before


@pytest.mark.skipif(hardware.gpu_count() > 1, reason="this host has several GPUs")
def test_one_device_needs_no_strategy() -> None:
    assert hardware.strategy() is tf.distribute.get_strategy()


@pytest.mark.one_stack
def test_importing_the_model_package_changes_no_setting() -> None:
    code = (
        "import keras, flowers_tfx.model.training\n"
        "import tensorflow as tf\n"
        "assert keras.config.dtype_policy().name == 'float32'\n"
        "from tensorflow.python.eager import context\n"
        "assert not context.context()._initialized\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=300)


@pytest.mark.one_stack
@pytest.mark.slow
def test_training_on_two_devices_gives_one_plain_model(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TWO_DEVICES, str(tmp_path)]
    env = os.environ | {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, check=False, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "trained on two devices" in done.stdout


@pytest.mark.one_stack
@pytest.mark.slow
def test_mixed_precision_answers_in_float32(tmp_path: Path) -> None:
    from flowers_tfx.model.splits import SplitSource
    from flowers_tfx.model.training import train

    pictures = tf.random.stateless_uniform([16, 32, 32, 3], [0, 1], 0, 256, tf.int32)
    labels = tf.range(16, dtype=tf.int64) % 2
    split = SplitSource(16, lambda: tf.data.Dataset.from_tensor_slices((tf.cast(pictures, tf.uint8), labels)))
    settings = TrainingConfig(fine_tune_epochs=1, batch_size=8, precision="mixed_bfloat16")
    model = ModelConfig(backbone="MobileNet", alpha=0.25, image_size=32, weights="none")
    result = train(model, 2, settings, split, split, tmp_path)
    assert result.model.dtype_policy.name == "float32"
    assert result.model(pictures, training=False).dtype == tf.float32
    assert keras.config.dtype_policy().name == "float32"
