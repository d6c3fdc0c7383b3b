"""Asks a SavedModel of this program through the signature that TensorFlow Serving uses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from flowers_tfx.errors import InputError, first_line
from flowers_tfx.litert import PROBABILITIES

_SIGNATURE = "serving_default"


class ServedModel:
    """Loads the model once. `classes`: how many probabilities it answers with.

    Raises InputError for a folder that does not hold a model of this program.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._loaded = tf.saved_model.load(str(folder))  # its signatures work only as long as it lives
            self._signature = self._loaded.signatures[_SIGNATURE]
            self.classes = int(self._signature.structured_outputs["probabilities"].shape[1])
        except (OSError, KeyError, IndexError, ValueError, tf.errors.OpError) as error:  # IndexError: truncated variables
            raise InputError(
                f"{folder} is not a model of this program: {first_line(error)}", "Name a version of the registry with --model."
            ) from None

    def ask(self, photos: Sequence[bytes]) -> npt.NDArray[np.float32]:
        """float32 [N, classes] for N JPEG or PNG files. Raises tf.errors.InvalidArgumentError if one of them cannot be decoded."""
        probabilities: npt.NDArray[np.float32] = self._signature(image_bytes=tf.constant(list(photos)))[PROBABILITIES].numpy()
        return probabilities

    def probabilities(self, photos: Sequence[bytes]) -> list[npt.NDArray[np.float32] | None]:
        """float32 [classes] for each JPEG or PNG file; None for one that TensorFlow cannot decode."""
        if not photos:
            return []
        try:
            return list(self.ask(photos))
        except tf.errors.InvalidArgumentError:
            # One bad photo fails its whole batch, which is halved until each such photo is isolated.
            if len(photos) == 1:
                return [None]
            half = len(photos) // 2
            return self.probabilities(photos[:half]) + self.probabilities(photos[half:])
