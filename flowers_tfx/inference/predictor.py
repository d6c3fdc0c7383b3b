"""Predictions of a SavedModel of the registry, through the signature that TensorFlow Serving uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import tensorflow as tf

from flowers_tfx.artifact_files import LABELS_FILE
from flowers_tfx.class_names import class_names
from flowers_tfx.data.pictures import BadPicture, decode, max_bytes, open_picture
from flowers_tfx.errors import InputError

_SIGNATURE = "serving_default"
_CHECK_PX = 1 << 16  # a JPEG is checked at a fraction of its size: quicker, and still every byte is read


@dataclass(frozen=True)
class Prediction:
    """`probabilities` by class name, in the order of the model's outputs."""

    label: str
    probability: float
    probabilities: dict[str, float]


@dataclass(frozen=True)
class Unreadable:
    """A photo without a prediction, and why."""

    reason: str


Result = Prediction | Unreadable


class Predictor:
    """Loads the model once and predicts in batches. Photos larger than `max_pixels` are unreadable.

    Raises InputError for a folder that does not hold a model of this program.
    """

    def __init__(self, model: Path, max_pixels: int, batch_size: int = 32) -> None:
        try:
            self._loaded = tf.saved_model.load(str(model))
            self._signature = self._loaded.signatures[_SIGNATURE]
            self.labels = class_names((model / LABELS_FILE).read_text(encoding="utf-8").splitlines())
        except (OSError, KeyError, ValueError, tf.errors.OpError) as error:
            raise InputError(
                f"{model} is not a model of this program: {_first_line(error)}", "Name a version of the registry with --model."
            ) from None
        self.version = model.name
        self._max_pixels = max_pixels
        self._batch_size = batch_size

    def predict_files(self, files: Iterable[Path]) -> Iterator[tuple[Path, Result]]:
        """A result for each file, in order. Only the files of one batch are in memory."""
        remaining = iter(files)
        while batch := list(islice(remaining, self._batch_size)):
            yield from zip(batch, self._predict_readable([self._read(path) for path in batch]), strict=True)

    def predict(self, photos: Sequence[bytes]) -> list[Result]:
        """A result for each photo's bytes."""
        return self._predict_readable([self._check(photo) for photo in photos])

    def _read(self, path: Path) -> bytes | Unreadable:
        try:
            limit = max_bytes(self._max_pixels)
            if path.stat().st_size > limit:
                return Unreadable(f"more than {limit / 1e6:.0f} MB of file, the limit")
            return self._check(path.read_bytes())
        except OSError as error:
            return Unreadable((error.strerror or str(error)).lower())

    def _check(self, photo: bytes) -> bytes | Unreadable:
        try:
            # The same check as at ingest: TensorFlow's decoder names neither reason nor photo, and fails the whole batch.
            decode(open_picture(photo, self._max_pixels), _CHECK_PX)
        except BadPicture as bad:
            return Unreadable(str(bad))
        return photo

    def _predict_readable(self, photos: Sequence[bytes | Unreadable]) -> list[Result]:
        results = iter(self._run_model([photo for photo in photos if isinstance(photo, bytes)]))
        return [photo if isinstance(photo, Unreadable) else next(results) for photo in photos]

    def _run_model(self, photos: list[bytes]) -> list[Result]:
        """A photo that only TensorFlow refuses fails its whole batch, which is then halved until each such photo is isolated."""
        if not photos:
            return []
        try:
            outputs = self._signature(image_bytes=tf.constant(photos))
        except tf.errors.InvalidArgumentError:
            if len(photos) == 1:
                return [Unreadable("damaged: TensorFlow cannot decode it")]
            half = len(photos) // 2
            return self._run_model(photos[:half]) + self._run_model(photos[half:])
        return [self._prediction(row) for row in outputs["probabilities"].numpy()]

    def _prediction(self, probabilities: Any) -> Prediction:
        best = int(probabilities.argmax())
        return Prediction(
            self.labels[best], float(probabilities[best]), dict(zip(self.labels, (float(p) for p in probabilities), strict=True))
        )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
