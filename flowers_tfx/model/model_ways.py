"""The ways of asking one exported model about photos.

1. The SavedModel through `serving_default`, from a photo's bytes, as TensorFlow Serving asks it.
2. The LiteRT model beside it, on the pictures that TensorFlow's graph prepares.
3. The LiteRT model on the pictures that are prepared without TensorFlow, as `flowers predict` asks it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from flowers_tfx import storage
from flowers_tfx.artifact_files import LITERT_FILE, LITERT_INT8_FILE
from flowers_tfx.data.network_picture import prepare_picture
from flowers_tfx.data.pictures import open_picture
from flowers_tfx.litert import PROBABILITIES, SCORE
from flowers_tfx.model.picture_graph import prepare_pictures
from flowers_tfx.model.served_model import ServedModel
from flowers_tfx.model_folder import load_litert, read_labels, saved_model_digest
from flowers_tfx.parity_certificate import LITERT, SAVED_MODEL, TENSORFLOW_FREE
from flowers_tfx.threads import map_in_threads

Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Answers:
    """To a batch of photos: `pixels` [N], the largest difference in each photo between the two prepared pictures, of 255;
    `probabilities` float32 [N, classes] by way; `int8` the same of the quantised model, if there is one; of a model with a detector
    `scores` float32 [N] and `known` bool [N] by way."""

    pixels: npt.NDArray[np.int64]
    probabilities: Mapping[str, Probabilities]
    int8: Probabilities | None = None
    scores: Mapping[str, Probabilities] = field(default_factory=dict)
    known: Mapping[str, npt.NDArray[np.bool_]] = field(default_factory=dict)


class ModelWays:
    """The ways of asking the model in a folder. Raises InputError for a folder whose LiteRT model is missing or damaged."""

    def __init__(self, folder: Path) -> None:
        self.labels = read_labels(folder)
        self._litert = load_litert(folder)
        self._int8 = load_litert(folder, LITERT_INT8_FILE) if (folder / LITERT_INT8_FILE).is_file() else None
        self._saved_model = ServedModel(folder)
        self.image_size = self._litert.image_size
        self._prepare = tf.function(
            lambda photos: prepare_pictures(photos, self.image_size), input_signature=[tf.TensorSpec([None], tf.string)]
        )
        files = [LITERT_FILE, *([LITERT_INT8_FILE] if self._int8 else [])]
        self.digests = {"saved_model": saved_model_digest(folder), **{name: storage.file_sha256(folder / name) for name in files}}
        self.sizes = {name: (folder / name).stat().st_size for name in files}

    def ask(self, photos: Sequence[bytes]) -> Answers:
        """Raises BadPicture or tf.errors.OpError if one of the photos cannot be decoded."""
        with _exact_float32():
            saved_model = self._saved_model.ask(photos)
        by_graph = self._prepare(tf.constant(list(photos))).numpy()
        by_pillow = np.stack(list(map_in_threads(self._prepare_without_tensorflow, photos)))
        litert = {LITERT: self._litert.run_batch(by_graph), TENSORFLOW_FREE: self._litert.run_batch(by_pillow)}
        probabilities = {
            SAVED_MODEL: np.stack([answer.probabilities for answer in saved_model]),
            **{way: vectors[PROBABILITIES] for way, vectors in litert.items()},
        }
        pixels = np.abs(by_graph.astype(np.int64) - by_pillow).max(axis=(1, 2, 3))
        int8 = self._int8.run_batch(by_pillow)[PROBABILITIES] if self._int8 else None
        if SCORE not in self._litert.outputs:
            return Answers(pixels, probabilities, int8)
        scores = {
            # A SavedModel without one is not the network of this LiteRT model: no score is near it.
            SAVED_MODEL: np.array([np.nan if answer.score is None else answer.score for answer in saved_model], np.float32),
            **{way: vectors[SCORE][:, 0] for way, vectors in litert.items()},
        }
        known = {way: score <= 1 for way, score in scores.items()}
        known[SAVED_MODEL] = np.array([answer.known for answer in saved_model])
        return Answers(pixels, probabilities, int8, scores, known)

    def _prepare_without_tensorflow(self, photo: bytes) -> npt.NDArray[np.uint8]:
        return prepare_picture(open_picture(photo, None), self.image_size)


@contextmanager
def _exact_float32() -> Iterator[None]:
    """Without TF32, by which TensorFlow rounds the factors of float32 products on GPUs to 10 bits."""
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)
