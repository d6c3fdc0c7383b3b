"""What answers for a photo: the LiteRT model, or the SavedModel through TensorFlow. Both read photos alike and refuse the same ones."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Literal, Protocol

from flowers_tfx.data.network_picture import prepare_picture
from flowers_tfx.data.pictures import BadPicture, decode, max_bytes, open_picture
from flowers_tfx.errors import InputError
from flowers_tfx.inference.answer import Answer, Unreadable, answer_of
from flowers_tfx.litert import SCORE, Pictures, Vectors
from flowers_tfx.model_folder import load_litert, read_labels
from flowers_tfx.threads import map_in_threads

EngineName = Literal["litert", "savedmodel"]

_CHECK_PX = 1 << 16  # a JPEG is checked at a fraction of its size: quicker, and still every byte is read
_BATCH_SIZE = 32

Photo = Path | bytes


class Engine(Protocol):
    """A loaded model. `labels`: the classes in the order of its probabilities."""

    labels: tuple[str, ...]

    def answer(self, photos: Iterable[Photo]) -> Iterator[Answer | Unreadable]:
        """An answer for each photo, in order. Only a few photos are in memory."""


def load_engine(name: EngineName, folder: Path, max_pixels: int) -> Engine:
    """Raises InputError for a folder that does not hold a model of this program, or not one for this engine."""
    return LiteRtEngine(folder, max_pixels) if name == "litert" else SavedModelEngine(folder, max_pixels)


class LiteRtEngine:
    """Each photo is read, decoded once and answered by one thread; no TensorFlow is loaded. Threads can share an engine. `max_pixels` None:
    photos of any size, for those that an ingest has let in."""

    def __init__(self, folder: Path, max_pixels: int | None) -> None:
        self.labels = read_labels(folder)
        try:
            self._model = load_litert(folder)
        except InputError as error:
            # No silent fallback: the other engine takes seconds to start and eight times the memory, so people choose it.
            raise InputError(error.message, f"{error.hint} The SavedModel answers with --engine savedmodel.".strip()) from None
        self._max_pixels = max_pixels

    def answer(self, photos: Iterable[Photo]) -> Iterator[Answer | Unreadable]:
        return map_in_threads(self._answer, photos)

    def reserve(self, threads: int) -> None:
        """Prepares for so many threads that answer at the same time."""
        self._model.reserve(threads)

    @property
    def tells_unknown(self) -> bool:
        """Whether its answers have a score."""
        return SCORE in self._model.outputs

    def prepare(self, photo: Photo) -> Pictures:
        """The picture that the network sees, uint8 [s, s, 3]. Raises BadPicture."""
        return prepare_picture(open_picture(read_photo(photo, self._max_pixels), self._max_pixels), self._model.image_size)

    def answer_picture(self, picture: Pictures) -> Answer:
        """The answer to a photo that was prepared."""
        return answer_of(self.run(picture))

    def run(self, picture: Pictures) -> Vectors:
        """All outputs of the network, float32 [n] each, for a photo that was prepared."""
        return self._model(picture)

    def _answer(self, photo: Photo) -> Answer | Unreadable:
        try:
            return self.answer_picture(self.prepare(photo))
        except BadPicture as bad:
            return Unreadable(str(bad))


class SavedModelEngine:
    """Photos go in batches through the signature that TensorFlow Serving uses."""

    def __init__(self, folder: Path, max_pixels: int) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        from flowers_tfx.model.served_model import ServedModel

        self.labels = read_labels(folder)
        self._model = ServedModel(folder)
        if self._model.classes != len(self.labels):
            raise InputError(
                f"{folder} does not answer with {len(self.labels)} probabilities, one for each class.", "Push the model again."
            )
        self._max_pixels = max_pixels

    def answer(self, photos: Iterable[Photo]) -> Iterator[Answer | Unreadable]:
        remaining = iter(photos)
        while batch := [self._check(photo) for photo in islice(remaining, _BATCH_SIZE)]:
            answers = iter(self._model.answer([photo for photo in batch if isinstance(photo, bytes)]))
            for photo in batch:
                if isinstance(photo, Unreadable):
                    yield photo
                elif (answer := next(answers)) is None:
                    yield Unreadable("damaged: TensorFlow cannot decode it")
                else:
                    yield Answer(*answer)

    def _check(self, photo: Photo) -> bytes | Unreadable:
        try:
            data = read_photo(photo, self._max_pixels)
            # The same check as at ingest: TensorFlow's decoder names neither reason nor photo, and fails the whole batch.
            decode(open_picture(data, self._max_pixels), _CHECK_PX)
        except BadPicture as bad:
            return Unreadable(str(bad))
        return data


def read_photo(photo: Photo, max_pixels: int | None) -> bytes:
    """The bytes of a photo. BadPicture for a file that cannot be read or is larger than a picture of `max_pixels` needs."""
    if isinstance(photo, bytes):
        return photo
    limit = max_bytes(max_pixels)
    try:
        status = photo.stat()
        if not stat.S_ISREG(status.st_mode):
            raise BadPicture("not a regular file")  # a pipe would block for ever
        if status.st_size > limit:
            raise BadPicture(f"more than {limit / 1e6:.0f} MB of file, the limit")
        with photo.open("rb", buffering=0) as file:
            return file.read(limit + 1)  # a file can grow after its size was read
    except OSError as error:
        raise BadPicture((error.strerror or str(error)).lower()) from error
