from __future__ import annotations

from pathlib import Path

import keras
import tensorflow as tf

from flowers_tfx.model.fitting import Stage, compile_model, fit_stage


class CountedModel(keras.Sequential):
    traces = 0

    def train_step(self, data: object) -> object:
        self.traces += 1  # Python runs only where TensorFlow traces
        return super().train_step(data)


def test_a_training_step_is_traced_once(tmp_path: Path) -> None:
    model = CountedModel([keras.Input((4,)), keras.layers.Dense(3)])
    batch = (tf.ones((8, 4)), tf.one_hot([0, 1, 2, 0, 1, 2, 0, 1], 3), tf.ones(8))
    batches = tf.data.Dataset.from_tensors(batch)
    compile_model(model, keras.optimizers.Adam(0.01), label_smoothing=0.0, xla=False)
    epochs = fit_stage(model, Stage("head", epochs=3, steps=1, patience=3), batches.repeat(), batches, tmp_path)
    assert len(epochs) == 3
    assert model.traces == 1
