"""Stage 1: the head alone, on features of the frozen backbone, which never change and are therefore computed once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from flowers_tfx.config.training import ModelConfig, TrainingConfig
from flowers_tfx.model import hardware
from flowers_tfx.model.backbone_features import backbone_features
from flowers_tfx.model.fitting import Epoch, Metrics, Stage, compile_model, fit_stage, score, stage_meter, weighted_batches
from flowers_tfx.model.splits import CachedSplit, Labels

FEATURES, HEAD = "features", "head"
BATCH = 64  # for inference


@dataclass(frozen=True)
class FeatureSet:
    """`features`: float32 [N, F], of photos with these labels, [N]."""

    features: npt.NDArray[np.float32]
    labels: Labels

    def rows(self, chosen: npt.NDArray[np.bool_]) -> FeatureSet:
        return FeatureSet(self.features[chosen], self.labels[chosen])


def compute_features(model: ModelConfig, backbone: keras.Model, pictures: CachedSplit, original: bool) -> FeatureSet:
    """Pooled features of every picture. `original`: the backbone has the weights of `model.weights`, by which LiteRT's are cached."""
    meter = stage_meter(FEATURES)
    if hardware.gpu_count() == 0 and keras.config.dtype_policy().name == "float32" and original:
        return FeatureSet(backbone_features(model, backbone, pictures, meter), pictures.labels())
    batches = -(-pictures.number // BATCH)
    watch = keras.callbacks.LambdaCallback(on_predict_batch_end=lambda batch, logs=None: meter(batch + 1, batches))
    only_pictures = pictures.in_order(BATCH).map(lambda picture, _label: picture)
    features = backbone.predict(only_pictures, callbacks=[watch], verbose=0)
    return FeatureSet(np.asarray(features, np.float32), pictures.labels())


def fit_head(
    head: keras.Model, classes: int, settings: TrainingConfig, train_set: FeatureSet, eval_set: FeatureSet, log_dir: Path
) -> tuple[tuple[Epoch, ...], Metrics]:
    """Trains the head and leaves it with the weights of its best epoch: the epochs, and loss and accuracy on `eval`."""
    labels = train_set.labels
    batch_size = min(settings.batch_size, len(labels))
    stage = Stage(HEAD, settings.head_epochs, len(labels) // batch_size, settings.patience)
    shuffled = tf.data.Dataset.from_tensor_slices((train_set.features, labels)).shuffle(len(labels), seed=settings.seed)
    counted = labels if settings.class_weights else None
    batches = weighted_batches(shuffled.batch(batch_size, drop_remainder=True).repeat(), classes, counted).prefetch(2)
    eval_batches = weighted_batches(tf.data.Dataset.from_tensor_slices((eval_set.features, eval_set.labels)).batch(BATCH), classes)
    optimizer = keras.optimizers.Adam(settings.head_learning_rate, weight_decay=settings.head_weight_decay or None)
    xla = hardware.xla_enabled(settings.xla, hardware.gpu_count() > 0)
    # An epoch in one call of the graph takes two thirds of the time.
    compile_model(head, optimizer, settings.label_smoothing, xla, steps=stage.steps)
    history = fit_stage(head, stage, batches, eval_batches, log_dir)
    return history, score(head, eval_batches)
