"""A network without training, exported in a second: for tests that need a model and not its answers."""

from __future__ import annotations

import keras

SIZE, LABELS = 32, ("daisy", "roses", "tulips")


class SmallNetwork:
    def __init__(self, seed: int) -> None:
        keras.utils.set_random_seed(seed)
        pictures = keras.Input((SIZE, SIZE, 3))
        features = keras.layers.Conv2D(8, 5, strides=2, activation="relu")(pictures / 255)
        self.backbone = keras.Model(pictures, keras.layers.GlobalAveragePooling2D()(features))
        self.head = keras.Sequential([keras.Input((8,)), keras.layers.Dense(len(LABELS))])
