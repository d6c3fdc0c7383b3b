"""Asks a SavedModel of this program through the signature that TensorFlow Serving uses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from flowers_tfx.errors import InputError, first_line
from flowers_tfx.litert import PROBABILITIES, SCORE

_SIGNATURE = "serving_default"


class ServedAnswer(NamedTuple):
    """To one photo. `probabilities` float32 [classes]; the others are those of `serving_default`, and these values for a model without
    them."""

    probabilities: npt.NDArray[np.float32]
    known: bool = True
    why: Literal["far", "unsure"] | None = None
    score: float | None = None


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

    def ask(self, photos: Sequence[bytes]) -> list[ServedAnswer]:
        """An answer for each JPEG or PNG file. Raises tf.errors.InvalidArgumentError if one of them cannot be decoded."""
        outputs = {name: value.numpy() for name, value in self._signature(image_bytes=tf.constant(list(photos))).items()}
        if SCORE not in outputs:
            return [ServedAnswer(probabilities) for probabilities in outputs[PROBABILITIES]]
        rows = zip(*(outputs[name] for name in (PROBABILITIES, "known", "why", SCORE)), strict=True)
        return [ServedAnswer(row, bool(known), why.decode() or None, float(score)) for row, known, why, score in rows]

    def answer(self, photos: Sequence[bytes]) -> list[ServedAnswer | None]:
        """An answer for each JPEG or PNG file; None for one that TensorFlow cannot decode."""
        if not photos:
            return []
        try:
            return list(self.ask(photos))
        except tf.errors.InvalidArgumentError:
            # One bad photo fails its whole batch, which is halved until each such photo is isolated.
            if len(photos) == 1:
                return [None]
            half = len(photos) // 2
            return self.answer(photos[:half]) + self.answer(photos[half:])
