"""Asks a SavedModel of the registry, through the same signature as TensorFlow Serving does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import tensorflow as tf

from flowers_tfx.data.pictures import BadPicture, decode, open_picture
from flowers_tfx.errors import InputError
from flowers_tfx.registry import LABELS_FILE

MAX_FILE_BYTES = 64 * 2**20
_SIGNATURE = "serving_default"
_LOOK_PX = 1 << 16  # a JPEG is looked through at a fraction of its size, every byte of it


@dataclass(frozen=True)
class Prediction:
    """`probabilities` by class name, in the order of the model's outputs."""

    label: str
    probability: float
    probabilities: dict[str, float]


@dataclass(frozen=True)
class Unreadable:
    reason: str


Answer = Prediction | Unreadable


class Predictor:
    """Loads once, answers in batches. Raises InputError for a folder that holds no model of this program."""

    def __init__(self, model: Path, max_pixels: int, batch_size: int = 32) -> None:
        try:
            self._loaded = tf.saved_model.load(str(model))
            self._signature = self._loaded.signatures[_SIGNATURE]
            self.labels = tuple((model / LABELS_FILE).read_text(encoding="utf-8").splitlines())
        except (OSError, KeyError, ValueError, tf.errors.OpError) as error:
            raise InputError(
                f"{model} is not a model of this program: {_first_line(error)}", "Name a version of the registry with --model."
            ) from None
        self.version = model.name
        self._max_pixels = max_pixels
        self._batch_size = batch_size

    def answers(self, files: Iterable[Path]) -> Iterator[tuple[Path, Answer]]:
        """An answer for each file, in order; the files of a batch are in memory, not more."""
        waiting = iter(files)
        while batch := list(islice(waiting, self._batch_size)):
            yield from zip(batch, self._batch([self._read(path) for path in batch]), strict=True)

    def predict(self, photos: Sequence[bytes]) -> list[Answer]:
        """An answer for each photo's bytes."""
        return self._batch([self._checked(photo) for photo in photos])

    def _read(self, path: Path) -> bytes | Unreadable:
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                return Unreadable(f"larger than {MAX_FILE_BYTES >> 20} MiB")
            return self._checked(path.read_bytes())
        except OSError as error:
            return Unreadable((error.strerror or str(error)).lower())

    def _checked(self, photo: bytes) -> bytes | Unreadable:
        try:
            # As ingest judges: TensorFlow's decoder would tell neither the reason nor the photo, and a batch would fail with it.
            decode(open_picture(photo, self._max_pixels), _LOOK_PX)
        except BadPicture as bad:
            return Unreadable(str(bad))
        return photo

    def _batch(self, photos: Sequence[bytes | Unreadable]) -> list[Answer]:
        good = [photo for photo in photos if isinstance(photo, bytes)]
        found = iter(self._ask(good))
        return [photo if isinstance(photo, Unreadable) else next(found) for photo in photos]

    def _ask(self, photos: list[bytes]) -> list[Answer]:
        """The few that only TensorFlow refuses fail their whole batch: it is halved until they are found."""
        if not photos:
            return []
        try:
            outputs = self._signature(image_bytes=tf.constant(photos))
        except tf.errors.InvalidArgumentError:
            if len(photos) == 1:
                return [Unreadable("damaged: TensorFlow cannot decode it")]
            half = len(photos) // 2
            return self._ask(photos[:half]) + self._ask(photos[half:])
        return [self._prediction(row) for row in outputs["probabilities"].numpy()]

    def _prediction(self, probabilities: Any) -> Prediction:
        best = int(probabilities.argmax())
        return Prediction(
            self.labels[best], float(probabilities[best]), dict(zip(self.labels, (float(p) for p in probabilities), strict=True))
        )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
