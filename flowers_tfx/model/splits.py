"""Training pictures as Transform made them: kept in memory if they fit, streamed otherwise."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from flowers_tfx.config.training import Augmentation
from flowers_tfx.model.augmentation import augment

MEMORY_LIMIT_BYTES = 2 * 2**30
_SHUFFLE_BUFFER = 2048  # pictures, if streamed

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SplitSource:
    """A split. `read()` gives (uint8 [s, s, 3], integer label) one by one, in the same order each time it is read."""

    number: int
    read: Callable[[], tf.data.Dataset]


class CachedSplit:
    """A split that is read several times, but from disk only once if its pictures fit into the memory limit."""

    def __init__(self, source: SplitSource, image_size: int) -> None:
        self.number = source.number
        self.in_memory = source.number * image_size * image_size * 3 <= MEMORY_LIMIT_BYTES
        self._dataset = source.read().cache() if self.in_memory else source.read()

    def labels(self) -> Labels:
        batches = self._dataset.map(lambda _picture, label: label).batch(1024).as_numpy_iterator()
        labels: Labels = np.concatenate([np.zeros(0, np.int64), *batches]).astype(np.int64)
        return labels

    def in_order(self, batch_size: int) -> tf.data.Dataset:
        """Batches of (pictures, labels)."""
        return self._dataset.batch(batch_size).prefetch(2)

    def shuffled(self, batch_size: int, seed: int, augmentations: Collection[Augmentation]) -> tf.data.Dataset:
        """Endless batches of (augmented pictures, labels), of one size; `steps(batch_size)` of them are an epoch."""
        buffer = self.number if self.in_memory else min(self.number, _SHUFFLE_BUFFER)
        batches = self._dataset.shuffle(buffer, seed=seed).batch(batch_size, drop_remainder=self.number >= batch_size)

        def change(step: tf.Tensor, batch: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
            pictures, labels = batch
            return augment(pictures, tf.stack([tf.constant(seed, tf.int64), step]), augmentations), labels

        return batches.repeat().enumerate().map(change, num_parallel_calls=2, deterministic=True).prefetch(2)

    def steps(self, batch_size: int) -> int:
        return max(self.number // batch_size, 1)
