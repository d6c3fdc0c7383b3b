"""Heads on frozen features, each trained without one fold of the photos, so that every photo can be asked about as if it were new.

All folds train at the same time, as one wide layer in NumPy: it takes about as long as one head.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from flowers_tfx.config.training import TrainingConfig
from flowers_tfx.model.fitting import balanced_class_weights
from flowers_tfx.model.splits import Labels

MOST_FOLDS = 40  # with fewer, the photos that are left lie noticeably further apart, and too few would be refused
_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-7  # of Adam

Floats = npt.NDArray[np.float32]


def assign_folds(labels: Labels, seed: int, most: int = MOST_FOLDS) -> npt.NDArray[np.int64]:
    """A fold for each photo, counted from 0; the photos of a class are spread evenly, and a fold has two photos or more."""
    folds_in_all = max(min(most, len(labels) // 2), 1)
    order = np.random.default_rng(seed).permutation(len(labels))
    folds = np.empty(len(labels), np.int64)
    folds[order[np.argsort(labels[order], kind="stable")]] = np.arange(len(labels)) % folds_in_all
    return folds


def logits_without_own_fold(
    features: Floats, labels: Labels, classes: int, folds: npt.NDArray[np.int64], settings: TrainingConfig, epochs: int
) -> Floats:
    """float32 [N, classes]: of each photo by a head that is trained as Trainer trains its own, but without the photo's fold."""
    random = np.random.default_rng(settings.seed)
    width, heads = features.shape[1], int(folds.max()) + 1
    limit = np.sqrt(6 / (width + classes))
    layer = _WideLayer(random.uniform(-limit, limit, (width, heads * classes)), settings.head_learning_rate, settings.head_weight_decay)
    weights = np.array(balanced_class_weights(labels, classes) if settings.class_weights else [1.0] * classes)
    targets = np.eye(classes)[labels] * (1 - settings.label_smoothing) + settings.label_smoothing / classes
    batch_size = min(settings.batch_size, len(labels))
    for _ in range(epochs):
        order = random.permutation(len(labels))
        for start in range(0, len(order) - batch_size + 1, batch_size):
            rows = order[start : start + batch_size]
            kept = random.random((batch_size, width)) >= settings.dropout
            inputs = features[rows] * kept / (1 - settings.dropout)
            errors = _softmax(layer(inputs).reshape(batch_size, heads, classes)) - targets[rows, np.newaxis]
            errors *= weights[labels[rows], np.newaxis, np.newaxis]
            errors[np.arange(batch_size), folds[rows]] = 0  # the head of its own fold never sees a photo
            layer.step(inputs, errors.reshape(batch_size, -1) / batch_size)
    logits = layer(features).reshape(len(labels), heads, classes)
    return np.asarray(logits[np.arange(len(labels)), folds], np.float32)


class _WideLayer:
    """A dense layer with AdamW, whose weight decay is that of Keras: of the bias, too."""

    def __init__(self, kernel: npt.NDArray[np.float64], learning_rate: float, weight_decay: float) -> None:
        self._parameters = [kernel.astype(np.float32), np.zeros(kernel.shape[1], np.float32)]
        self._means = [np.zeros_like(parameter) for parameter in self._parameters]
        self._squares = [np.zeros_like(parameter) for parameter in self._parameters]
        self._learning_rate, self._kept, self._steps = learning_rate, 1 - learning_rate * weight_decay, 0

    def __call__(self, inputs: npt.NDArray[Any]) -> Floats:
        kernel, bias = self._parameters
        return inputs.astype(np.float32) @ kernel + bias

    def step(self, inputs: npt.NDArray[Any], errors: npt.NDArray[Any]) -> None:
        self._steps += 1
        rate = self._learning_rate * np.sqrt(1 - _BETA_2**self._steps) / (1 - _BETA_1**self._steps)
        errors = errors.astype(np.float32)
        gradients = (inputs.astype(np.float32).T @ errors, errors.sum(axis=0))
        for at, gradient in enumerate(gradients):
            self._means[at] += (1 - _BETA_1) * (gradient - self._means[at])
            self._squares[at] += (1 - _BETA_2) * (gradient**2 - self._squares[at])
            self._parameters[at] *= np.float32(self._kept)
            self._parameters[at] -= (rate * self._means[at] / (np.sqrt(self._squares[at]) + _EPSILON)).astype(np.float32)


def _softmax(logits: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    exponentials = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    result: npt.NDArray[np.float64] = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return result
