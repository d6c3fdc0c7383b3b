"""The recipe of training: its settings, and the small formulas that it is made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt

from flowers_tfx.model import augmentation, hardware
from flowers_tfx.model.picture_set import Labels

_WARM_UP_SHARE = 0.07  # of all steps: about two epochs of 25

Weights = Sequence[npt.NDArray[np.float32]]


@dataclass(frozen=True)
class TrainingSettings:
    """`benchmarks/accuracy.py` measures what the defaults reach."""

    head_epochs: int = 60
    fine_tune_layers: int = 0  # 0: no stage 2, -1: all layers
    fine_tune_epochs: int = 25
    batch_size: int = 16
    learning_rate: float = 3e-4  # peak of stage 2, and of training from scratch
    head_learning_rate: float = 1e-3
    seed: int = 0
    class_weights: bool = False
    augment: tuple[str, ...] = augmentation.NAMES
    precision: hardware.Precision = "auto"
    xla: hardware.Switch = "auto"
    dropout: float = 0.2
    label_smoothing: float = 0.1
    patience: int = 10  # epochs

    @property
    def fine_tunes(self) -> bool:
        return self.fine_tune_layers != 0 and self.fine_tune_epochs > 0

    @property
    def scratch_epochs(self) -> int:
        """Epochs without pretrained weights, where there is one stage only."""
        return self.fine_tune_epochs or self.head_epochs


def balanced(labels: Labels, classes: int) -> list[float]:
    """A weight per class, such that each class that occurs has the same say, 1 on average over the photos."""
    counts = np.bincount(labels, minlength=classes)
    present = np.count_nonzero(counts)
    return [float(len(labels) / (present * count)) if count else 0.0 for count in counts]


def warm_up_and_cosine(peak: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Up from 0 to the peak, so that Adam's first guesses can't wreck pretrained layers, then down to 0."""
    warm_up = min(math.ceil(steps * _WARM_UP_SHARE), steps - 1)
    if warm_up < 1:
        return keras.optimizers.schedules.CosineDecay(peak, max(steps, 1))
    return keras.optimizers.schedules.CosineDecay(0.0, steps - warm_up, warmup_target=peak, warmup_steps=warm_up)


def between(start: Weights, end: Weights, share: float) -> list[npt.NDArray[np.float32]]:
    """Weights at this share of the way from start to end."""
    return [(1 - share) * one + share * other for one, other in zip(start, end, strict=True)]
